# Sourced by scripts/test, scripts/check and scripts/soak: named steps, one line each, a log a step,
# and a verdict at the end. The exit status is the verdict.
steps_failed=()
steps_run=0
steps_start=$SECONDS
mkdir -p build/logs

step() {  # step NAME COMMAND...
  local name=$1 log="build/logs/step-$1.log" started=$SECONDS status=0
  shift
  steps_run=$((steps_run + 1))
  "$@" >"$log" 2>&1 || status=$?
  if [[ $status -eq 0 ]]; then
    printf '  ok    %-10s %4d s  %s\n' "$name" $((SECONDS - started)) "$(step_note "$log")"
  else
    printf '  FAIL  %-10s %4d s  %s\n' "$name" $((SECONDS - started)) "$log"
    tail -n "${STEP_TAIL:-60}" "$log" | sed 's/^/        | /'
    steps_failed+=("$name")
  fi
}

step_note() {  # the last line of a log that starts with "note: "
  sed -n 's/^note: //p' "$1" | tail -n 1
}

verdict() {  # verdict WHAT
  local seconds=$((SECONDS - steps_start))
  if [[ ${#steps_failed[@]} -eq 0 ]]; then
    echo "PASS: $1, $steps_run of $steps_run steps, $seconds s"
    return 0
  fi
  echo "FAIL: $1, ${#steps_failed[@]} of $steps_run steps failed (${steps_failed[*]}), $seconds s"
  return 1
}
