#!/usr/bin/env bash
# Upgrades the masters of a cluster that serves, one after the other, without a failed request.
#
#   examples/rolling_upgrade.sh CONTROL...    their control addresses; without any those of examples/cluster.sh
#
# Install the new program first: each process starts its own file again. Before each master, and after the last, it waits until
# `tandem status --check` says that a loss would be survived; it stops at the first master whose new process is not ready, which then
# serves as before. Flags for `tandem`, such as --token-file FILE, are given in TANDEM_FLAGS.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=${TANDEM_BIN:-$root/build/release/bin}  # a directory that holds the programs
patience=${TANDEM_PATIENCE:-60}             # seconds until all is well again
read -r -a flags <<<"${TANDEM_FLAGS:-}"

controls=("$@")
[ $# -gt 0 ] || controls=(127.0.0.1:7070 127.0.0.1:7071)

# await_well CONTROL: until a loss would be survived, as that master sees it.
await_well() {
  local deadline=$((SECONDS + patience)) said
  until said=$("$bin/tandem" "${flags[@]}" --control "$1" status --check 2>&1); do
    if [ "$SECONDS" -ge "$deadline" ]; then
      echo "rolling_upgrade: $1 is not well: $said" >&2
      exit 1
    fi
    sleep 0.2
  done
}

for control in "${controls[@]}"; do
  await_well "$control"
  "$bin/tandem" "${flags[@]}" --control "$control" upgrade
done
for control in "${controls[@]}"; do await_well "$control"; done
echo "all masters are upgraded"
