# shellcheck shell=bash
# processes.sh: what the example scripts share: processes that are started, awaited and stopped by pid.
#
# Sourced. Each process gets NAME.out and NAME.log in $run_dir. None survives the script: the kernel
# sends SIGTERM to those whose script was killed, and the trap of stop_all_on_exit does the rest. They have
# sessions of their own, so that Ctrl-C reaches the script alone, which then stops them in order.

run_dir=${run_dir:-}   # set by the script before it starts anything
declare -A pid_of=()   # by name, of what runs
declare -a start_order=()
ready_seconds=20
stop_seconds=35        # a master lets requests in flight take 30 s

complain() { echo "$(basename "$0"): $*" >&2; }

# start NAME COMMAND...
start() {
  local name=$1
  shift
  : >"$run_dir/$name.out" 2>"$run_dir/$name.log"  # there, also for who looks before the process has begun
  setsid setpriv --pdeathsig TERM -- "$@" >"$run_dir/$name.out" 2>"$run_dir/$name.log" </dev/null 9>&- &
  pid_of[$name]=$!
  start_order+=("$name")
}

# await_line NAME PATTERN: prints the first line of NAME's output that matches, once there is one. Fails,
# showing the end of its log, when it ends first or takes too long.
await_line() {
  local name=$1 pattern=$2 deadline=$((SECONDS + ready_seconds))
  until grep -m 1 -e "$pattern" "$run_dir/$name.out" 2>/dev/null; do
    if ! kill -0 "${pid_of[$name]}" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      complain "$name did not come up:"
      tail -n 10 "$run_dir/$name.log" "$run_dir/$name.out" >&2
      return 1
    fi
    sleep 0.05
  done
}

# field LINE KEY: the value of key=value in a ready line.
field() { sed -n "s/.* $2=\([^ ]*\).*/\1/p" <<<"$1"; }

# await SECONDS COMMAND...: runs the command until it succeeds; fails after so many seconds.
await() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.05
  done
}

# stop NAME: asks it to end and waits; its exit status, or 137 when it had to be killed.
stop() {
  local name=$1 pid=${pid_of[$1]:-} deadline=$((SECONDS + stop_seconds))
  [ -n "$pid" ] || return 0
  kill -TERM "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      complain "$name did not end within $stop_seconds s and was killed"
      kill -KILL "$pid" 2>/dev/null || true
    fi
    sleep 0.02
  done
  unset "pid_of[$name]"
  wait "$pid" 2>/dev/null
}

# kill9 NAME: no chance to say anything.
kill9() {
  kill -KILL "${pid_of[$1]}"
  wait "${pid_of[$1]}" 2>/dev/null || true
  unset "pid_of[$1]"
}

# Stops everything in the order in which it was started; fails when anything ended with a failure.
stop_all() {
  local name failed=0
  for name in "${start_order[@]}"; do
    if ! stop "$name"; then
      complain "$name ended with a failure; its log is $run_dir/$name.log"
      failed=1
    fi
  done
  start_order=()
  return "$failed"
}

# Whatever ends the script ends the processes.
stop_all_on_exit() {
  trap 'stop_all || true' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}
