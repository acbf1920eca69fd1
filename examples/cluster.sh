#!/usr/bin/env bash
# A cluster on this machine: two masters, three workers, and a look at what happens when one dies.
#
#   examples/cluster.sh [start]   starts it and stays; Ctrl-C stops all of it
#   examples/cluster.sh --tls     the same with TLS: to clients, and at the control addresses, with certificates on both sides
#   examples/cluster.sh --masters 3 --serve   three masters, each of which sends requests to workers
#   examples/cluster.sh status    shows the one that runs
#   examples/cluster.sh stop      stops it from another terminal
#   examples/cluster.sh demo      unattended, on free ports: spreads requests; then, under load, kills a worker
#                                 and the primary with -9, switches over, freezes the primary and wakes it;
#                                 exits 0 only if no request failed on the way; demo --tls: with TLS at the control
#                                 addresses
#
# Builds what is missing first. Logs are in build/cluster, those of a failed demo where it says.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${TANDEM_BIN:-$root/build/release/bin}  # a directory that holds the programs already
# shellcheck source=examples/processes.sh
. "$root/examples/processes.sh"

# One line each: name, port for clients, port of the control API.
masters=(
  "a 8080 7070"
  "b 8081 7071"
)
# name, port
workers=(
  "w1 9001"
  "w2 9002"
  "w3 9003"
)

run_dir=$root/build/cluster
lock=$run_dir/lock
controls=()  # HOST:PORT of every master, once they run
clients=()   # HOST:PORT for clients, likewise
tls=0        # whether masters speak TLS to clients, each at its port for clients and 363: 8443, 8444
serve=0      # whether every master sends requests to workers, not the primary alone
inner_tls=0  # whether masters speak TLS to each other and to workers, and everybody has a certificate

usage() {
  sed -n '2,13s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

prepare() {
  [ -n "${TANDEM_BIN:-}" ] && return
  "$root/scripts/install-packages.sh" base
  "$root/scripts/install-npm.sh" master/page
  "$root/scripts/build.sh" release installable
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# launch_master NAME: does not wait until it is ready.
launch_master() {
  local entry name client own_client own_control control peers=()
  for entry in "${masters[@]}"; do
    read -r name client control <<<"$entry"
    if [ "$name" = "$1" ]; then
      own_client=$client own_control=$control
    else
      peers+=(--peer "$name=127.0.0.1:$control")
    fi
  done
  local secure=()
  if [ "$tls" = 1 ]; then
    secure=(--listen-tls "127.0.0.1:$((own_client + 363))" --tls "$run_dir/site.pem,$run_dir/site.key")
  fi
  # Where the other master passes its clients' requests on, over TLS: 8643, 8644; any port in a demo.
  if [ "$inner_tls" = 1 ]; then
    if [ "$tls" = 1 ]; then secure+=(--listen-inner "127.0.0.1:$((own_client + 563))")
    else secure+=(--listen-inner 127.0.0.1:0); fi
  fi
  [ "$serve" = 0 ] || secure+=(--standby-traffic serve)
  local inside
  mapfile -t inside < <(proof "master-$1")
  start "$1" "$bin/tandem-master" --node "$1" --listen "127.0.0.1:$own_client" \
    --control "127.0.0.1:$own_control" --data-dir "$run_dir/data-$1" "${peers[@]}" "${secure[@]}" \
    "${inside[@]}"
}

# proof KIND-NAME: the flags, one on a line, by which somebody proves who it is; none without TLS inside.
proof() {
  [ "$inner_tls" = 0 ] || printf '%s\n' --cluster-ca "$run_dir/ca/ca.pem" \
    --cluster-cert "$run_dir/ca/$1.pem" --cluster-key "$run_dir/ca/$1.key"
}

# An authority, and certificates for all who take part; those of a run before are replaced.
issue_certificates() {
  local entry
  "$bin/tandem" ca init "$run_dir/ca" --cluster example --force >"$run_dir/ca.log"
  for entry in "${masters[@]}"; do
    "$bin/tandem" ca issue "$run_dir/ca" --master "${entry%% *}" --address 127.0.0.1 --force >>"$run_dir/ca.log"
  done
  for entry in "${workers[@]}"; do
    "$bin/tandem" ca issue "$run_dir/ca" --worker "${entry%% *}" --witness --force >>"$run_dir/ca.log"
  done
  "$bin/tandem" ca issue "$run_dir/ca" --operator ops --force >>"$run_dir/ca.log"
  export TANDEM_CLUSTER_CERTIFICATES=$run_dir/ca  # for workers.py
}

# ask_control CONTROL PATH CURL-ARGUMENT...: as an operator.
ask_control() {
  local control=$1 path=$2
  shift 2
  if [ "$inner_tls" = 0 ]; then
    curl -fs --max-time 2 "$@" "http://$control$path"
  else
    curl -fs --max-time 2 --cacert "$run_dir/ca/ca.pem" --cert "$run_dir/ca/operator-ops.pem" \
      --key "$run_dir/ca/operator-ops.key" "$@" "https://$control$path"
  fi
}

# tandem_as_operator ARGUMENT...
tandem_as_operator() {
  local proven
  mapfile -t proven < <(proof operator-ops)
  "$bin/tandem" "$@" "${proven[@]}"
}

# For localhost, signed by itself.
make_certificate() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$run_dir/site.key" -out "$run_dir/site.pem" 2>/dev/null
  chmod 600 "$run_dir/site.key"
}

start_masters() {
  local entry name
  for entry in "${masters[@]}"; do launch_master "${entry%% *}"; done
  for entry in "${masters[@]}"; do
    read -r name _ <<<"$entry"
    local ready
    ready=$(await_line "$name" '^tandem-master ready')
    clients+=("$(field "$ready" listen)")
    controls+=("$(field "$ready" control)")
    echo "master $name  clients http://$(field "$ready" listen)  control http://$(field "$ready" control)"
  done
}

# start_worker NAME PORT
start_worker() {
  local ready control to=() inside
  mapfile -t inside < <(proof "worker-$1")
  for control in "${controls[@]}"; do to+=(--master "$control"); done
  start "$1" "$bin/tandem-worker" --name "$1" --listen "127.0.0.1:$2" "${to[@]}" \
    --state-dir "$run_dir/data-$1" "${inside[@]}"
  ready=$(await_line "$1" '^tandem-worker ready')
  echo "worker $1 at $(field "$ready" listen), process ${pid_of[$1]}"
}

start_workers() {
  local entry name port
  for entry in "${workers[@]}"; do
    read -r name port <<<"$entry"
    start_worker "$name" "$port"
  done
  for entry in "${workers[@]}"; do
    read -r name port <<<"$entry"
    if ! worker_field "$name" state is up 15; then
      complain "$name did not register"
      return 1
    fi
  done
}

# has_role ROLE CONTROL: primary, or standby in sync.
has_role() { ask_control "$2" "/$1" -o /dev/null; }

is_protected() {
  local control
  for control in "${controls[@]}"; do
    ask_control "$control" /status | grep -q '"protected":true' && return
  done
  return 1
}

# From then on any single loss is survived.
await_protection() {
  if ! await 15 is_protected; then
    complain "the cluster did not become protected"
    return 1
  fi
  echo "the masters and the workers with a state directory vote: any single loss is survived"
}

# worker_field [NAME FIELD [is|is-not|above VALUE SECONDS]]: see workers.py.
worker_field() {
  local IFS=,
  "$root/examples/workers.py" "${controls[*]}" "$@"
}

# ---- start, status, stop ---------------------------------------------------------------------------------

run() {
  mkdir -p "$run_dir"
  exec 9>>"$lock"
  if ! flock -n 9; then
    complain "a cluster runs already (process $(cat "$lock")); examples/cluster.sh stop ends it"
    exit 1
  fi
  echo $$ >"$lock"
  rm -f "$run_dir/controls"
  prepare
  stop_all_on_exit
  trap 'echo "stopping"; stop_all || true' EXIT
  [ "$tls" = 0 ] || make_certificate
  rm -rf "$run_dir/ca"
  [ "$inner_tls" = 0 ] || issue_certificates
  start_masters
  start_workers
  await_protection
  printf '%s\n' "${controls[@]}" >"$run_dir/controls"
  echo
  echo "try:   curl http://${clients[0]}/hello        (again and again: the workers take turns)"
  [ "$tls" = 0 ] || echo "       curl --cacert $run_dir/site.pem https://localhost:8443/hello"
  echo "       examples/cluster.sh status"
  echo "       kill -9 ${pid_of[w2]}                         (w2; nobody notices)"
  echo "       kill -9 ${pid_of[a]}                         (the primary; then ask http://${clients[1]}/hello)"
  echo "stop:  Ctrl-C here, or examples/cluster.sh stop"
  watch_processes
}

# Tells of each process that ends, for as long as a master is there.
watch_processes() {
  local name status ended
  while :; do
    status=0
    wait -n -p ended "${pid_of[@]}" 2>/dev/null || status=$?  # bash itself would tell of signals too
    for name in "${!pid_of[@]}"; do
      [ "${pid_of[$name]}" = "${ended:-}" ] || continue
      unset "pid_of[$name]"
      echo "$name has ended with status $status; its log is $run_dir/$name.log"
    done
    local entry alive=0
    for entry in "${masters[@]}"; do [ -z "${pid_of[${entry%% *}]:-}" ] || alive=1; done
    if [ "$alive" = 0 ]; then
      complain "no master is left"
      exit 1
    fi
  done
}

# The process that holds the lock, or nothing.
running_process() {
  [ -e "$lock" ] || return 0
  flock -n "$lock" true || cat "$lock"
}

show_status() {
  local control to=()
  if [ -z "$(running_process)" ] || [ ! -e "$run_dir/controls" ]; then
    complain "no cluster runs"
    exit 1
  fi
  while read -r control; do to+=(--control "$control"); done <"$run_dir/controls"
  [ ! -d "$run_dir/ca" ] || inner_tls=1
  tandem_as_operator status "${to[@]}"
}

stop_running() {
  local pid
  pid=$(running_process)
  if [ -z "$pid" ]; then
    complain "no cluster runs"
    exit 1
  fi
  kill -TERM "$pid"
  if ! await $((stop_seconds + 5)) flock -n "$lock" true; then
    complain "process $pid still runs"
    exit 1
  fi
  echo "stopped"
}

# ---- demo ------------------------------------------------------------------------------------------------

show_spread() { worker_field; }

# tell_when_found NANOSECONDS: how long after that moment the first master took w2 out, by its own log.
tell_when_found() {
  local line
  line=$(grep -m 1 'worker state name=w2 from=up' "$run_dir/${masters[0]%% *}.log") || return 0
  echo "  w2 was out of the rotation within $((($(date -d "${line%% *}" +%s%N) - $1) / 1000000)) ms"
}

# await_more_requests NAME COUNT: until it has answered so many more.
await_more_requests() { worker_field "$1" requests above "$(($(worker_field "$1" requests) + $2))" 20; }

fail_demo() {
  complain "$* (logs: $run_dir)"
  keep_logs=1
  exit 1
}

# What wrk counted: "REQUESTS FAILED".
outcome_of() {
  awk '/requests in/ {requests = $1}
       /Non-2xx/ {failed += $NF}
       /Socket errors/ {gsub(",", ""); failed += $4 + $6 + $8 + $10}
       END {print requests + 0, failed + 0}' "$1"
}

# tell_takeover NAME NANOSECONDS: how long after that moment it led, by its own log.
tell_takeover() {
  local line
  line=$(grep 'cluster role=primary' "$run_dir/$1.log" | tail -n 1)
  echo "  $1 leads in term $(field "$line" term), $((($(date -d "${line%% *}" +%s%N) - $2) / 1000000)) ms later"
}

# A machine that is too busy for a has made b the primary before.
let_a_lead() {
  has_role primary "${controls[0]}" && return
  echo "b leads, since this machine had no time for a; a planned switchover to a"
  tandem_as_operator switchover --to a --control "${controls[1]}" | sed 's/^/  /'
  await 10 has_role primary "${controls[0]}" || fail_demo "a does not lead"
}

# Clients talk to b all the while.
demo_failover() {
  local at
  echo
  let_a_lead
  echo "the primary, a, is killed with -9"
  at=$(date +%s%N)
  kill9 a
  await 10 has_role primary "${controls[1]}" || fail_demo "b did not take over"
  tell_takeover b "$at"
  launch_master a
  await 10 has_role standby "${controls[0]}" || fail_demo "a did not come back as standby"
  echo "  a is back, as standby and in sync"

  echo "a planned switchover to a"
  tandem_as_operator switchover --to a --control "${controls[1]}" | sed 's/^/  /'
  await 10 has_role primary "${controls[0]}" || fail_demo "a does not lead"

  echo "the primary, a, is frozen (SIGSTOP)"
  at=$(date +%s%N)
  kill -STOP "${pid_of[a]}"
  await 10 has_role primary "${controls[1]}" || fail_demo "b did not take over"
  tell_takeover b "$at"
  kill -CONT "${pid_of[a]}"
  await 10 has_role standby "${controls[0]}" || fail_demo "a woke up and is no standby"
  if has_role primary "${controls[0]}"; then fail_demo "a woke up and still leads"; fi
  echo "  a woke up and is standby"
}

demo() {
  prepare
  run_dir=$(mktemp -d)
  keep_logs=0
  stop_all_on_exit
  trap 'stop_all || true; [ "$keep_logs" = 1 ] || rm -rf "$run_dir"' EXIT
  local entry i before answered failed killed_at
  for i in "${!masters[@]}"; do masters[i]="${masters[i]%% *} $(free_port) $(free_port)"; done
  for i in "${!workers[@]}"; do workers[i]="${workers[i]%% *} 0"; done
  [ "$inner_tls" = 0 ] || issue_certificates
  start_masters
  start_workers
  await_protection
  local url=http://${clients[1]}  # the standby: it passes requests on, and is the one that stays

  echo
  echo "30 requests, one after another:"
  curl -fsS -o /dev/null "$url/hello?[1-30]" || fail_demo "a request failed"
  show_spread
  for entry in "${workers[@]}"; do
    worker_field "${entry%% *}" requests above 0 1 || fail_demo "${entry%% *} got none of them"
  done

  echo
  echo "load on 16 connections; meanwhile w2 is killed with -9"
  start load wrk -t1 -c16 -d120s --timeout 10s "$url/hello"
  await_more_requests w2 100 || fail_demo "the load did not begin"
  local address
  address=$(worker_field w2 address)
  killed_at=$(date +%s%N)
  kill9 w2
  worker_field w2 state is-not up 10 || fail_demo "w2 is dead and still counted as up"
  tell_when_found "$killed_at"
  before=$(worker_field w2 requests)
  await_more_requests w1 1000 || fail_demo "w1 did not go on"
  [ "$(worker_field w2 requests)" = "$before" ] || fail_demo "w2 is dead and still answers"
  echo "  w1 and w3 carry on:"
  show_spread

  start_worker w2 "${address##*:}"
  worker_field w2 state is up 10 || fail_demo "w2 did not come back"
  await_more_requests w2 1000 || fail_demo "w2 came back and got no traffic"
  echo "  it is back and gets traffic again:"
  show_spread

  demo_failover

  kill -INT "${pid_of[load]}" || fail_demo "the load ended before all of this was done"
  wait "${pid_of[load]}" || fail_demo "wrk failed"  # it reports what it has counted until now
  unset "pid_of[load]"
  read -r answered failed <<<"$(outcome_of "$run_dir/load.out")"
  echo
  echo "in all of this: $answered requests answered, $failed failed;" \
    "the slowest took $(awk '/Latency/ {print $4}' "$run_dir/load.out")"
  if [ "$answered" -eq 0 ] || [ "$failed" -ne 0 ]; then
    fail_demo "requests failed: $(cat "$run_dir/load.out")"
  fi
  stop_all || fail_demo "not everything ended well"
  echo "all stopped; the demo went as it should"
}

# What `start` may be given, in any order.
read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --tls) tls=1 inner_tls=1 ;;
      --serve) serve=1 ;;
      --masters)
        case ${2:-} in
          2) ;;
          3) masters+=("c 8082 7072") ;;
          *) complain "--masters takes 2 or 3" && exit 2 ;;
        esac
        shift
        ;;
      *) usage >&2 && exit 2 ;;
    esac
    shift
  done
}

case ${1:-start} in
  -h | --help | help) usage ;;
  start) run ;;
  --*)
    read_options "$@"
    run
    ;;
  status) show_status ;;
  stop) stop_running ;;
  demo)
    [ "${2:-}" != --tls ] || inner_tls=1
    demo
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac
