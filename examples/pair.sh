# shellcheck shell=bash
# pair.sh: two masters and a worker that votes, on free ports, for the examples that put something beside them.
#
# Sourced, with $root and $bin set; brings processes.sh.

# shellcheck source=examples/processes.sh
. "$root/examples/processes.sh"

declare -A control=()  # control addresses, by node
primary='' standby=''  # nodes
clients=''             # the standby's address for clients

# begin: builds what runs here, and sees to it that nothing is left of the script.
begin() {
  if [ -z "${TANDEM_BIN:-}" ]; then
    "$root/scripts/install-packages.sh" base
    "$root/scripts/build.sh" release tandem-master tandem-worker tandem
  fi
  run_dir=$(mktemp -d)
  stop_all_on_exit
  trap 'stop_all || true; rm -rf "$run_dir"' EXIT
}

# free_ports N: as many addresses where nobody listens, since some are named before anything runs there.
free_ports() {
  python3 -c 'import socket, sys
all = [socket.socket() for _ in range(int(sys.argv[1]))]
for each in all: each.bind(("127.0.0.1", 0))
print(*["127.0.0.1:%d" % each.getsockname()[1] for each in all])' "$1"
}

# role NODE ROLE: whether it has it.
role() { curl -fsS -o "$run_dir/answer" "http://${control[$1]}/$2" 2>>"$run_dir/curl.log"; }
protected() { "$bin/tandem" status --json --control "${control[a]}" | grep -q '"protected": *true'; }

# start_pair A B FLAG...: masters a and b at these control addresses, with these flags; returns when any of them
# may be lost.
start_pair() {
  control=([a]=$1 [b]=$2)
  shift 2
  local node other
  for node in a b; do
    other=$([ "$node" = a ] && echo b || echo a)
    start "master-$node" "$bin/tandem-master" --node "$node" --listen 127.0.0.1:0 --control "${control[$node]}" \
      --peer "$other=${control[$other]}" --data-dir "$run_dir/data-$node" "$@"
  done
  for node in a b; do await_line "master-$node" '^tandem-master ready'; done
  start voter "$bin/tandem-worker" --name voter --service votes --master "${control[a]}" --master "${control[b]}" \
    --listen 127.0.0.1:0 --state-dir "$run_dir/voter"
  await_line voter '^tandem-worker ready'
  await 20 protected
  primary=a
  role a primary || primary=b
  standby=$([ "$primary" = a ] && echo b || echo a)
  clients=$(field "$(grep '^tandem-master ready' "$run_dir/master-$standby.out")" listen)
}

# ask: six requests of a client of the standby's, and who answered.
ask() {
  echo "\$ curl http://$clients/  (six times)"
  for _ in 1 2 3 4 5 6; do curl -fsS "http://$clients/"; done | sort | uniq -c
}
