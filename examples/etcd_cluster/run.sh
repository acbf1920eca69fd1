#!/usr/bin/env bash
# Services that register in etcd, behind two Tandem masters that read it.
#
#   examples/etcd_cluster/run.sh
#
# Starts etcd, two masters, a worker that votes, and two services that know etcd alone. Asks through the cluster, kills
# etcd, asks again, kills the primary, asks again, starts etcd, ends a service, stops everything. Exits 0 only if every
# request was answered.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${TANDEM_BIN:-$root/build/release/bin}
# shellcheck source=examples/processes.sh
. "$root/examples/processes.sh"

if ! command -v etcd >/dev/null; then
  echo "skipped: etcd is not installed (scripts/install-packages.sh servers)"
  exit 0
fi
if [ -z "${TANDEM_BIN:-}" ]; then
  "$root/scripts/install-packages.sh" base
  "$root/scripts/build.sh" release tandem-master tandem-worker tandem
fi
run_dir=$(mktemp -d)
stop_all_on_exit
trap 'stop_all || true; rm -rf "$run_dir"' EXIT

# Where nobody listens: masters name each other by their control addresses before they run.
free_ports() {
  python3 -c 'import socket, sys
all = [socket.socket() for _ in range(int(sys.argv[1]))]
for each in all: each.bind(("127.0.0.1", 0))
print(*["127.0.0.1:%d" % each.getsockname()[1] for each in all])' "$1"
}

read -r control_a control_b etcd peers < <(free_ports 4)
declare -A control=([a]=$control_a [b]=$control_b)
start_etcd() {
  start etcd etcd --name e --data-dir "$run_dir/etcd" --listen-client-urls "http://$etcd" \
    --advertise-client-urls "http://$etcd" --listen-peer-urls "http://$peers" \
    --initial-advertise-peer-urls "http://$peers" --initial-cluster "e=http://$peers"
  await 20 curl -fsS -o "$run_dir/answer" "http://$etcd/health" 2>>"$run_dir/curl.log"
}
start_etcd
for node in a b; do
  other=$([ "$node" = a ] && echo b || echo a)
  start "master-$node" "$bin/tandem-master" --node "$node" --listen 127.0.0.1:0 --control "${control[$node]}" \
    --peer "$other=${control[$other]}" --data-dir "$run_dir/data-$node" --discover "hello=etcd:$etcd"
done
for node in a b; do await_line "master-$node" '^tandem-master ready'; done
start voter "$bin/tandem-worker" --name voter --service votes --master "$control_a" --master "$control_b" \
  --listen 127.0.0.1:0 --state-dir "$run_dir/voter"
await_line voter '^tandem-worker ready'

# role NODE ROLE: whether it has it.
role() { curl -fsS -o "$run_dir/answer" "http://${control[$1]}/$2" 2>>"$run_dir/curl.log"; }
protected() { "$bin/tandem" status --json --control "$control_a" | grep -q '"protected": *true'; }
await 20 protected
primary=a
role a primary || primary=b
standby=$([ "$primary" = a ] && echo b || echo a)
clients=$(field "$(grep '^tandem-master ready' "$run_dir/master-$standby.out")" listen)

echo "two services register in etcd, and know nothing of Tandem:"
for n in 1 2; do
  start "service-$n" python3 "$root/examples/etcd_cluster/service.py" "py-$n" "$etcd"
  await_line "service-$n" '^ready'
done
# serve NODE N: whether so many get traffic.
serve() { [ "$(curl -fsS "http://${control[$1]}/v1/services/hello" 2>>"$run_dir/curl.log" | grep -o '"name": *"127' | wc -l)" = "$2" ]; }
await 20 serve "$standby" 2
await 20 serve "$primary" 2
"$bin/tandem" workers --control "$control_a"

ask() {
  echo "\$ curl http://$clients/  (six times)"
  for _ in 1 2 3 4 5 6; do curl -fsS "http://$clients/"; done | sort | uniq -c
}
"$bin/tandem" route add /=hello --control "$control_a"
ask

# registry NODE WORDS: whether its status says so of etcd.
registry() { { "$bin/tandem" status --control "${control[$1]}" || true; } | grep -E "^registry .*$2"; }
echo "etcd is killed:"
kill9 etcd
await 20 registry "$standby" LOST
ask
echo "the primary is killed:"
kill9 "master-$primary"
await 20 role "$standby" primary
ask
echo "etcd is back, and one of the services ends:"
start_etcd
await 20 registry "$standby" ": 2 instances\$"
stop service-1
await 20 serve "$standby" 1
ask
for name in service-2 voter "master-$standby"; do stop "$name"; done
kill9 etcd
echo "all stopped"
