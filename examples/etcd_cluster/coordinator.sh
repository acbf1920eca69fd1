#!/usr/bin/env bash
# Two Tandem masters none of which votes: an etcd says who leads, and holds what was changed.
#
#   examples/etcd_cluster/coordinator.sh
#
# Starts etcd, two masters with --coordinator, and two workers. Asks through the cluster, drains a worker, shows the keys,
# kills etcd, asks again, starts it, kills the primary, asks again, stops everything. Exits 0 only if every request was
# answered and the drain outlived all of that.
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
control=([a]=$control_a [b]=$control_b)
start_etcd() {
  start etcd etcd --name e --data-dir "$run_dir/etcd" --listen-client-urls "http://$etcd" \
    --advertise-client-urls "http://$etcd" --listen-peer-urls "http://$peers" \
    --initial-advertise-peer-urls "http://$peers" --initial-cluster "e=http://$peers"
  await 20 curl -fsS -o "$run_dir/answer" "http://$etcd/health" 2>>"$run_dir/curl.log"
}
start_etcd
for node in a b; do
  start "master-$node" "$bin/tandem-master" --node "$node" --listen 127.0.0.1:0 --control "${control[$node]}" \
    --coordinator "etcd=$etcd" --cluster shop
done
for node in a b; do await_line "master-$node" '^tandem-master ready'; done
for n in 1 2; do
  start "worker-$n" "$bin/tandem-worker" --name "w$n" --master "${control[a]}" --master "${control[b]}" --listen 127.0.0.1:0
  await_line "worker-$n" '^tandem-worker ready'
done
await 20 protected
primary=a
role a primary || primary=b
standby=$([ "$primary" = a ] && echo b || echo a)
clients=$(field "$(grep '^tandem-master ready' "$run_dir/master-$standby.out")" listen)
# up NODE N: whether so many workers get traffic there.
up() { [ "$(curl -fsS "http://${control[$1]}/v1/services/default" 2>>"$run_dir/curl.log" | grep -o '"name": *"w' | wc -l)" = "$2" ]; }
await 20 up "$primary" 2
await 20 up "$standby" 2

echo "$primary leads, as etcd says:"
"$bin/tandem" status --check --control "${control[a]}"
ask
"$bin/tandem" drain w2 --control "${control[a]}"
echo "what etcd holds:"
curl -fsS "http://$etcd/v3/kv/range" -d '{"key":"L3RhbmRlbS9zaG9wLw==","range_end":"L3RhbmRlbS9zaG9wMA==","keys_only":true}' |
  grep -o '"key":"[^"]*"' | cut -d'"' -f4 | while read -r key; do base64 -d <<<"$key" && echo; done

echo "etcd is killed:"
kill9 etcd
said() { { "$bin/tandem" status --check --control "${control[$1]}" || true; } | grep "$2"; }
await 20 said "$primary" 'etcd cannot be reached'
if "$bin/tandem" undrain w2 --control "${control[$primary]}"; then
  echo "a change was made without etcd"
  exit 1
fi
ask
echo "etcd is back, and the primary is killed:"
start_etcd
await 20 said "$primary" '^OK'
kill9 "master-$primary"
ask # waits until the other one leads
await 20 role "$standby" primary
await 20 up "$standby" 1
"$bin/tandem" workers --control "${control[$standby]}"
for name in worker-1 worker-2 "master-$standby"; do stop "$name"; done
kill9 etcd
echo "all stopped"
