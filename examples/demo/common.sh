# Sourced by run and runaway: starts the upstreams and the gateway in a scratch data directory and
# ends all of them, by process id, when the script ends.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${SATGATE_BUILD:-build/release}
satgate=$build/satgate
upstreams=$build/satgate-demo
scratch=$(mktemp -d)
export SATGATE_DATA_DIR=$scratch/data
pids=()

# The ports of satgate.yaml; the tests put others here.
read -r port admin_port api_port llm_port <<<"${SATGATE_DEMO_PORTS:-8000 9090 7101 7102}"
gateway_url=http://127.0.0.1:$port
config=$scratch/satgate.yaml
sed -e "s/127.0.0.1:8000/127.0.0.1:$port/; s/127.0.0.1:9090/127.0.0.1:$admin_port/" \
  -e "s/127.0.0.1:7101/127.0.0.1:$api_port/; s/127.0.0.1:7102/127.0.0.1:$llm_port/" \
  -e "s|build/release/|$build/|" \
  examples/demo/satgate.yaml >"$config"

clean_up() {
  trap - EXIT INT TERM
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

background() {  # background NAME COMMAND...
  local name=$1
  shift
  "$@" >"$scratch/$name.log" 2>&1 </dev/null &
  pids+=($!)
}

give_up() {
  echo "$1" >&2
  tail -n 20 "$scratch"/*.log >&2
  exit 1
}

wait_for() {  # wait_for URL PID
  local i
  for ((i = 0; i < 150; i++)); do
    curl -fsS -o /dev/null "$1" 2>/dev/null && return 0
    kill -0 "$2" 2>/dev/null || give_up "It did not start."
    sleep 0.1
  done
  give_up "No answer at $1."
}

start_all() {
  background api "$upstreams" api --listen "127.0.0.1:$api_port"
  wait_for "http://127.0.0.1:$api_port/stats" "$!"
  background llm "$upstreams" llm --listen "127.0.0.1:$llm_port"
  wait_for "http://127.0.0.1:$llm_port/stats" "$!"
  background gateway "$satgate" gateway start --config "$config"
  gateway=$!
  wait_for "$gateway_url/readyz" "$gateway"
}

mint() {  # mint NAME FLAG...: the token
  local name=$1
  shift
  "$satgate" token create --name "$name" "$@" --json | sed -nE 's/.*"token": *"([^"]+)".*/\1/p'
}
