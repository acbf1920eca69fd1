#!/usr/bin/env bash
# A gRPC service in a cluster, called in all four ways while a worker and the primary are killed.
#
#   examples/grpc_hello/run.sh
#
# Starts two masters, three servers that register themselves and vote, and a client
# that calls through both masters. Kills one server and the primary with -9, lets both come back, stops everything.
# Exits 0 only if no call that may be repeated has failed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${TANDEM_BIN:-$root/build/release/bin}
# shellcheck source=examples/processes.sh
. "$root/examples/processes.sh"

if [ -z "${TANDEM_BIN:-}" ]; then
  "$root/scripts/install-packages.sh" base servers
  "$root/scripts/build.sh" release tandem-master tandem-worker tandem hello_server hello_client
fi
run_dir=$(mktemp -d)
stop_all_on_exit
trap 'stop_all || true; rm -rf "$run_dir"' EXIT

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
declare -A client_port=([a]=$(free_port) [b]=$(free_port)) control_port=([a]=$(free_port) [b]=$(free_port))
controls=("127.0.0.1:${control_port[a]}" "127.0.0.1:${control_port[b]}")

# master NAME OTHER. SayHello may be executed twice without harm, so a master may send it to a second server.
master() {
  start "$1" "$bin/tandem-master" --node "$1" --listen "127.0.0.1:${client_port[$1]}" \
    --control "127.0.0.1:${control_port[$1]}" --peer "$2=127.0.0.1:${control_port[$2]}" --data-dir "$run_dir/data-$1" \
    --service default:retry_methods=GET,/hello.Greeter/SayHello --service default:retry_on=grpc:unavailable
}
server() {
  start "$1" "$bin/hello_server" "$1" 127.0.0.1:0 "$run_dir/state-$1" "${controls[@]}"
  await_line "$1" '^hello_server ready'
}
leads() { curl -fsS -o "$run_dir/answer" "http://127.0.0.1:${control_port[$1]}/primary" 2>"$run_dir/error"; }
find_primary() {
  for name in a b; do
    if leads "$name"; then primary=$name; return; fi
  done
  return 1
}
# Calls of every kind have succeeded since.
await_calls() {
  local before
  before=$(wc -l <"$run_dir/client.out")
  await 20 more_lines "$((before + 3))"
  tail -n 1 "$run_dir/client.out"
}
more_lines() { [ "$(wc -l <"$run_dir/client.out")" -ge "$1" ]; }

master a b
master b a
await_line a '^tandem-master ready'
await_line b '^tandem-master ready'
for name in hello-1 hello-2 hello-3; do server "$name"; done
await 20 find_primary
protected() { "$bin/tandem" status --check --control "${controls[0]}" >"$run_dir/status" 2>&1; }
await 20 protected || { cat "$run_dir/status"; exit 1; }
cat "$run_dir/status"

start client "$bin/hello_client" "127.0.0.1:${client_port[a]},127.0.0.1:${client_port[b]}"
await_calls
echo "hello-2 is killed:"
kill9 hello-2
await_calls
echo "the primary, $primary, is killed:"
killed=$primary
kill9 "$killed"
await 20 find_primary
echo "$primary leads"
await_calls
echo "both come back:"
server hello-2
if [ "$killed" = a ]; then master a b; else master b a; fi
await_line "$killed" '^tandem-master ready'
await_calls
status=0
stop client || status=$?
tail -n 5 "$run_dir/client.out"
for name in hello-1 hello-2 hello-3 a b; do stop "$name"; done
echo "all stopped"
exit "$status"
