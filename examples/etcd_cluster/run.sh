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
# shellcheck source=examples/pair.sh
. "$root/examples/pair.sh"

if ! command -v etcd >/dev/null; then
  echo "skipped: etcd is not installed (scripts/install-packages.sh servers)"
  exit 0
fi
begin
read -r control_a control_b etcd peers < <(free_ports 4)
start_etcd() {
  start etcd etcd --name e --data-dir "$run_dir/etcd" --listen-client-urls "http://$etcd" \
    --advertise-client-urls "http://$etcd" --listen-peer-urls "http://$peers" \
    --initial-advertise-peer-urls "http://$peers" --initial-cluster "e=http://$peers"
  await 20 curl -fsS -o "$run_dir/answer" "http://$etcd/health" 2>>"$run_dir/curl.log"
}
start_etcd
start_pair "$control_a" "$control_b" --discover "hello=etcd:$etcd"

echo "two services register in etcd, and know nothing of Tandem:"
for n in 1 2; do
  start "service-$n" python3 "$root/examples/etcd_cluster/service.py" "py-$n" "$etcd"
  await_line "service-$n" '^ready'
done
# serve NODE N: whether so many get traffic.
serve() { [ "$(curl -fsS "http://${control[$1]}/v1/services/hello" 2>>"$run_dir/curl.log" | grep -o '"name": *"127' | wc -l)" = "$2" ]; }
await 20 serve "$standby" 2
await 20 serve "$primary" 2
"$bin/tandem" workers --control "${control[a]}"

"$bin/tandem" route add /=hello --control "${control[a]}"
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
