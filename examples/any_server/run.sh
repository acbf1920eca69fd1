#!/usr/bin/env bash
# Python's own web server, unmodified, in a cluster: it never learns that it is part of one.
#
#   examples/any_server/run.sh
#
# Starts a master, two `python3 -m http.server`, and beside each a tandem-worker that registers it and watches
# its health. Asks through the master, ends one of the servers, asks again, stops everything. Exits 0 only
# if every request was answered.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=${TANDEM_BIN:-$root/build/release/bin}
# shellcheck source=examples/processes.sh
. "$root/examples/processes.sh"

if [ -z "${TANDEM_BIN:-}" ]; then
  "$root/scripts/install-packages.sh" base
  "$root/scripts/build.sh" release tandem-master tandem-worker tandem
fi
run_dir=$(mktemp -d)
stop_all_on_exit
trap 'stop_all || true; rm -rf "$run_dir"' EXIT

worker_field() { "$root/examples/workers.py" "$control" "$@"; }

ask() {
  echo "\$ curl http://$clients/  (six times)"
  for _ in 1 2 3 4 5 6; do curl -fsS "http://$clients/"; done | sort | uniq -c
}

start master "$bin/tandem-master" --node a --listen 127.0.0.1:0 --control 127.0.0.1:0 \
  --data-dir "$run_dir/data"
ready=$(await_line master '^tandem-master ready')
clients=$(field "$ready" listen)
control=$(field "$ready" control)
echo "$ready"

for n in 1 2; do
  mkdir "$run_dir/site-$n"
  echo "hello from server $n" >"$run_dir/site-$n/index.html"
  start "server-$n" python3 -u -m http.server 0 --bind 127.0.0.1 --directory "$run_dir/site-$n"
  port=$(await_line "server-$n" '^Serving HTTP' | sed 's/.* port \([0-9]*\).*/\1/')
  echo "python3 -m http.server at 127.0.0.1:$port"
  start "py-$n" "$bin/tandem-worker" --name "py-$n" --master "$control" --target "127.0.0.1:$port"
  await_line "py-$n" '^tandem-worker ready'
  worker_field "py-$n" state is up 15
done

ask
echo "server 1 ends:"
stop server-1 || true  # Python has no exit status of its own for SIGTERM
worker_field py-1 state is down 15
"$bin/tandem" workers --control "$control"
ask
stop server-2 || true
for name in master py-1 py-2; do stop "$name"; done
echo "all stopped"
