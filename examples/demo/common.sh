# Sourced by run and runaway: starts the upstreams and the gateway in a scratch data directory and
# ends all of them, by process id, when the script ends.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
satgate=build/release/satgate
upstreams=build/release/satgate-demo
scratch=$(mktemp -d)
export SATGATE_DATA_DIR=$scratch/data
pids=()

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
  background api "$upstreams" api --listen 127.0.0.1:7101
  wait_for http://127.0.0.1:7101/stats "$!"
  background llm "$upstreams" llm --listen 127.0.0.1:7102
  wait_for http://127.0.0.1:7102/stats "$!"
  background gateway "$satgate" gateway start --config examples/demo/satgate.yaml
  gateway=$!
  wait_for http://127.0.0.1:8000/readyz "$gateway"
}

mint() {  # mint NAME FLAG...: the token
  local name=$1
  shift
  "$satgate" token create --name "$name" "$@" --json | sed -nE 's/.*"token": *"([^"]+)".*/\1/p'
}
