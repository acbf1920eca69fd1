#!/usr/bin/env bash
# Brings uPlot, which draws the page's charts, as master/page/package-lock.json names it, to master/page/node_modules: the build
# embeds it. Without npm or a registry the build takes the copy of a release archive (master/page/uplot), or does without.
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../${1:-master/page}" && pwd)
command -v npm >/dev/null || exit 0
mark=$folder/node_modules/.package-lock.json
[ -e "$mark" ] && [ ! "$folder/package-lock.json" -nt "$mark" ] && exit 0

echo "install-page: installing what ${folder##*/} needs"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund >"$log" 2>&1 </dev/null; then
  tail -n 5 "$log" >&2
  echo "install-page: it is not to be had; the page has no charts, and tests that need it are skipped" >&2
fi
