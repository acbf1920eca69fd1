#!/usr/bin/env bash
# One name with the addresses of both masters: nothing to run and nothing that moves, if clients try the next address.
#
#   examples/addresses/dns.sh     as root; about ten seconds
#
# cluster.example has two addresses (here in /etc/hosts of this script's own; a name server gives two A records).
# Both masters answer: the standby passes on. The first is killed, then its host is cut off, and curl, as most
# clients, goes to the next address: at once when the first refuses, after a part of its connect time-out when it is
# silent. Exits 0 only if no request failed.
set -euo pipefail
# shellcheck source=examples/addresses/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"

make_hosts a b w1 w2 client
start_cluster --standby-traffic forward
printf '%s\n' "127.0.0.1 localhost" "${address_of[a]} cluster.example" "${address_of[b]} cluster.example" \
  >"$run_dir/hosts"
mount --bind "$run_dir/hosts" /etc/hosts

# ask COUNT CONNECT-TIMEOUT: so many requests, each on a connection of its own, of which none may fail.
ask() {
  local i
  for ((i = 0; i < $1; ++i)); do
    on client curl -fsS -m 5 --connect-timeout "$2" -o /dev/null \
      -w '%{remote_ip} %{time_connect}\n' http://cluster.example:8080/
  done | sort | awk '{count[$1]++; if ($2 > slowest[$1]) slowest[$1] = $2}
    END {for (ip in count) printf "  %d answered by %s, connected within %.2f s\n", count[ip], ip, slowest[ip]}'
}

echo "both masters are there:"
ask 20 2
echo "a is killed, its host refuses connections:"
kill9 a
ask 20 2
start_master a
await_line a '^tandem-master ready' >/dev/null
await 30 all_is_well
echo "the host of a is cut off, and silent:"
ip link set to-a down
await 10 has_primary
ask 3 4
ip link set to-a up
echo "none failed"
for name in a b w1 w2; do stop "$name"; done
