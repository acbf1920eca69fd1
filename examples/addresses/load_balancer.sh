#!/usr/bin/env bash
# HAProxy or nginx in front of both masters, on a host of its own that does not reach the control addresses:
# --health-path tells it at the client address who is able to serve.
#
#   examples/addresses/load_balancer.sh [haproxy|nginx]     as root; both without an argument; about ten seconds each
#
# The primary is killed, and leadership handed over, while a client asks all the time. Exits 0 only if no
# request failed. The files are haproxy.cfg here, and nginx.conf of ../load_balancers, whose README says more.
set -euo pipefail
# shellcheck source=examples/addresses/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"

kinds=("${@:-haproxy}")
[ $# -gt 0 ] || kinds=(haproxy nginx)
here=$root/examples/addresses
make_hosts a b w1 w2 balancer client
start_cluster --health-path /healthz
# What the balancer asks of the control addresses does not arrive.
for name in a b; do on balancer ip route add blackhole "${address_of[$name]}/32" table 7; done
on balancer ip rule add dport 7070 table 7

balance() {
  local file=$run_dir/$1.conf
  if [ "$1" = haproxy ]; then
    sed -e "s/10.0.0.1:/${address_of[a]}:/; s/10.0.0.2:/${address_of[b]}:/" "$here/haproxy.cfg" >"$file"
    start_on balancer haproxy "$(PATH=$PATH:/usr/sbin command -v haproxy)" -db -f "$file"
  else
    { echo "user root;"; sed -e "s/127.0.0.1:8080/${address_of[a]}:8080/; s/127.0.0.1:8081/${address_of[b]}:8080/
        s/127.0.0.1:8000/0.0.0.0:8000/" "$root/examples/load_balancers/nginx.conf"; } >"$file"
    start_on balancer nginx "$(PATH=$PATH:/usr/sbin command -v nginx)" -e stderr -p "$run_dir" -c "$file"
  fi
}

url=http://${address_of[balancer]}:8000/
answers() { on client curl -fs -m 2 -o /dev/null "$url"; }

# Asks until it is told to stop; prints how many were answered, and what failed.
client() {
  local answered=0 failed=0
  while [ -d "$run_dir" ] && [ ! -e "$run_dir/enough" ]; do
    if on client curl -fsS -m 5 -o /dev/null "$url" 2>>"$run_dir/failures"; then
      answered=$((answered + 1))
    else
      failed=$((failed + 1))
    fi
  done
  echo "$answered answered, $failed failed"
  [ "$failed" -eq 0 ] || { cat "$run_dir/failures"; return 1; }
}

for kind in "${kinds[@]}"; do
  if ! PATH=$PATH:/usr/sbin command -v "$kind" >/dev/null; then
    echo "$kind: skipped: it is not installed (scripts/install-packages.sh servers)"
    continue
  fi
  balance "$kind"
  await 10 answers || { complain "$kind does not answer"; exit 1; }
  rm -f "$run_dir/enough"
  client >"$run_dir/client" &
  asking=$!
  first=$(primary)
  kill9 "$first"
  await 10 has_primary
  start_master "$first" --health-path /healthz
  await_line "$first" '^tandem-master ready' >/dev/null
  await 30 all_is_well
  sleep 1  # the balancer has to find it again before it may lose the other
  # shellcheck disable=SC2046
  "$bin/tandem" switchover $(control) "${proof[@]}" >/dev/null
  await 30 all_is_well
  touch "$run_dir/enough"
  wait "$asking" || { complain "$kind: $(cat "$run_dir/client")"; exit 1; }
  echo "$kind, primary killed and handed over: $(cat "$run_dir/client")"
  stop "$kind" || true  # what it ends with is its own affair
done
for name in a b w1 w2; do stop "$name"; done
