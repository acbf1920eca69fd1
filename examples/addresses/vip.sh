#!/usr/bin/env bash
# An address that moves with the leadership (--vip): clients know one address, and nothing stands in between.
#
#   examples/addresses/vip.sh     as root; about ten seconds
#
# Two masters, two workers and a client, each on a host of its own. The primary is killed, another takes its
# address; then leadership is handed over. Exits 0 only if the client was answered after each, and its
# neighbour cache had followed.
set -euo pipefail
# shellcheck source=examples/addresses/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"

vip=10.77.0.100
make_hosts a b w1 w2 client
start_cluster --vip "$vip/24@eth0"

mac_of() { on "$1" cat /sys/class/net/eth0/address; }
neighbour() { on client ip neigh show "$vip" | sed -n 's/.*lladdr \([^ ]*\).*/\1/p'; }
client_knows() { [ "$(neighbour)" = "$(mac_of "$1")" ]; }
ask() { on client curl -fsS -m 2 "http://$vip:8080/"; }

show() {
  local leader
  await 10 has_primary && leader=$(primary)
  await 10 client_knows "$leader" || { complain "the client did not follow to $leader"; exit 1; }
  echo "$1: $leader leads, and the client finds $vip there: $(ask)"
}

on client ping -c 1 -q "$vip" >/dev/null 2>&1 || ask >/dev/null  # so that the client knows the address
show "at first"
first=$(primary)
kill9 "$first"
show "after kill -9 of $first"
start_master "$first" --vip "$vip/24@eth0"
await_line "$first" '^tandem-master ready' >/dev/null
await 30 all_is_well
# shellcheck disable=SC2046
"$bin/tandem" switchover $(control) "${proof[@]}" >/dev/null
show "after a switchover"
for name in a b w1 w2; do stop "$name"; done
if on a ip address show | grep -q "$vip" || on b ip address show | grep -q "$vip"; then
  complain "the address was left behind"
  exit 1
fi
echo "all stopped, and nobody has the address"
