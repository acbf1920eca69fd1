# shellcheck shell=bash
# hosts.sh: hosts on this machine for the recipes beside it: two masters, two workers and whoever else is named,
# each in a network namespace of its own, all on one switch.
#
# Sourced. The script is run again in namespaces that nothing else is in, so that whatever it makes is gone
# when it ends, however it ends. Needs root.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${TANDEM_BIN:-$root/build/release/bin}
# shellcheck source=examples/processes.sh
. "$root/examples/processes.sh"

if [ -z "${TANDEM_EXAMPLE_ALONE:-}" ]; then
  if [ -z "${TANDEM_BIN:-}" ]; then
    "$root/scripts/install-packages.sh" base servers
    "$root/scripts/build.sh" release tandem-master tandem-worker tandem
  fi
  if ! command -v ip >/dev/null || ! unshare --net --mount true 2>/dev/null; then
    echo "$(basename "$0"): skipped: there is no ip (iproute2), or network namespaces are not permitted (run as root)"
    exit 0
  fi
  TANDEM_EXAMPLE_ALONE=1 exec unshare --net --mount --propagation private "$0" "$@"
fi

run_dir=$(mktemp -d)
stop_all_on_exit
trap 'stop_all || true; rm -rf "$run_dir"' EXIT
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip link set lo up
ip link add switch type bridge mcast_snooping 0
ip link set switch up

declare -A address_of=()

# What goes between these hosts goes in clear text: the switch is nobody else's.
proof=(--token-file "$run_dir/token" --insecure-network)

# make_hosts NAME...: 10.77.0.1 for the first, and so on; the switch itself is the observer's, 10.77.0.254.
make_hosts() {
  local name
  ip address add 10.77.0.254/24 dev switch
  for name in "$@"; do
    address_of[$name]=10.77.0.$((${#address_of[@]} + 1))
    ip netns add "$name"
    ip link add "to-$name" master switch type veth peer name eth0 netns "$name"
    ip link set "to-$name" up
    on "$name" ip link set lo up
    on "$name" ip address add "${address_of[$name]}/24" dev eth0
    on "$name" ip link set eth0 up
  done
}

# on HOST COMMAND...
on() {
  local host=$1
  shift
  ip netns exec "$host" "$@"
}

# start_on HOST NAME COMMAND...: see start().
start_on() {
  local host=$1 name=$2
  shift 2
  start "$name" nsenter "--net=/run/netns/$host" "$@"
}

# start_master NAME [FLAG...]: on the host of that name.
start_master() {
  local name=$1 other=b
  shift
  [ "$name" = a ] || other=a
  start_on "$name" "$name" "$bin/tandem-master" --node "$name" --listen 0.0.0.0:8080 \
    --control "${address_of[$name]}:7070" --peer "$other=${address_of[$other]}:7070" \
    --data-dir "$run_dir/data-$name" "${proof[@]}" "$@"
}

# start_cluster [FLAG...]: masters a and b with these flags, workers w1 and w2 that vote.
start_cluster() {
  local name
  (umask 077 && echo "a-secret-of-this-example-alone" >"$run_dir/token")
  for name in a b; do start_master "$name" "$@"; done
  for name in a b; do await_line "$name" '^tandem-master ready'; done
  for name in w1 w2; do
    start_on "$name" "$name" "$bin/tandem-worker" --name "$name" --listen "${address_of[$name]}:9000" \
      --master "${address_of[a]}:7070" --master "${address_of[b]}:7070" \
      --state-dir "$run_dir/state-$name" "${proof[@]}"
    await_line "$name" '^tandem-worker ready'
  done
  await 30 all_is_well || { complain "the cluster did not come up"; return 1; }
}

control() { printf -- '--control %s:7070 ' "${address_of[a]}" "${address_of[b]}"; }

all_is_well() {
  # shellcheck disable=SC2046
  "$bin/tandem" status --check $(control) "${proof[@]}" 2>/dev/null | grep -q '^OK.* [3-9] voters, 2 workers'
}

# primary: the name of the master that leads.
primary() {
  local name
  for name in a b; do
    curl -fs -m 1 -o /dev/null "http://${address_of[$name]}:7070/primary" && echo "$name" && return
  done
  return 1
}
has_primary() { primary >/dev/null; }
