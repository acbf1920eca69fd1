#!/usr/bin/env bash
# Installs what FOLDER/package-lock.json names, from npm, to FOLDER/node_modules:
#   master/page      uPlot, which the build embeds into the page; without it the page has no charts
#   tests/grpc/js    @grpc/grpc-js     tests/browser    what drives Chromium; tests that miss them say so and pass
# Where there is no npm (a package of its own in Debian, part of nodejs elsewhere) or no registry, it does without.
# Usage: scripts/install-npm.sh FOLDER...
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
command -v npm >/dev/null || exit 0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for folder in "$@"; do
  mark=$root/$folder/node_modules/.package-lock.json
  [ -e "$mark" ] && [ ! "$root/$folder/package-lock.json" -nt "$mark" ] && continue
  echo "install-npm: installing what $folder needs"
  if ! npm ci --prefix "$root/$folder" --ignore-scripts --no-audit --no-fund >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    echo "install-npm: it is not to be had; the page has no charts, and tests that need it are skipped" >&2
  fi
done
