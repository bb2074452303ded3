# Sourced by scripts/setup: runs long commands in parallel, with their output in log files and a line of progress now and then.
# shellcheck shell=bash

LOGS=$TOOLS/logs
PROGRESS_SECONDS=15

declare -A jobs=()

# Each job is a process group, so that all its processes end with this script, also after Ctrl-C or a failure.
trap 'for pid in "${jobs[@]}"; do kill -- "-$pid" 2>/dev/null || true; done' EXIT

# start_job NAME COMMAND…
start_job() {
  local name=$1
  shift
  mkdir -p "$LOGS"
  set -m
  "$@" >"$LOGS/$name.log" 2>&1 </dev/null &
  set +m
  jobs[$name]=$!
}

# run_job NAME COMMAND… runs a command. Ends the script if the command fails.
run_job() {
  start_job "$@"
  finish_job "$1"
}

# try_job NAME COMMAND… runs a command. Returns its status.
try_job() {
  start_job "$@"
  wait_for_job "$1"
}

finish_jobs() {
  local name
  for name in "${!jobs[@]}"; do finish_job "$name"; done
}

finish_job() { wait_for_job "$1" || fail "$1 failed; its whole output is in $LOGS/$1.log"; }

wait_for_job() {
  local name=$1 pid=${jobs[$1]} line status=0 started=$SECONDS told=$SECONDS
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
    if ((SECONDS - told >= PROGRESS_SECONDS)); then
      told=$SECONDS
      line=$(tail -n 1 "$LOGS/$name.log" | tr -s '\r[:space:]' ' ' | cut -c -70)
      say "       $name: $((SECONDS - started)) s${line:+, $line}"
    fi
  done
  wait "$pid" || status=$?
  unset "jobs[$name]"
  [ $status = 0 ] || tail -n 30 "$LOGS/$name.log" >&2
  return $status
}
