#!/usr/bin/env bash
# Installs @grpc/grpc-js, as tests/grpc/js/package-lock.json names it, beside it. Its tests say so and pass where it is
# missing: so does this, where there is no npm (a package of its own in Debian, part of nodejs elsewhere) or no registry.
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/../tests/grpc/js" && pwd)
command -v npm >/dev/null || exit 0
mark=$folder/node_modules/.package-lock.json
[ -e "$mark" ] && [ ! "$folder/package-lock.json" -nt "$mark" ] && exit 0

echo "install-grpc-js: installing @grpc/grpc-js"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund >"$log" 2>&1 </dev/null; then
  tail -n 5 "$log" >&2
  echo "install-grpc-js: it is not to be had; the tests that need it are skipped" >&2
fi
