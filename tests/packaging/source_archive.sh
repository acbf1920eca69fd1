#!/usr/bin/env bash
# The source archive builds where there is no git and no npm, and what it makes says its version.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
git -C "$root" rev-parse HEAD >/dev/null 2>&1 || { echo "source_archive: there is no history to make it from"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/scripts/package.sh" source
tar -xf "$(ls "$root"/build/package/packages/tandem-*.tar.gz | tail -n 1)" -C "$work"
cd "$work"/tandem-*
[ ! -e .git ]
cmake --preset release -D BUILD_TESTING=OFF >/dev/null
cmake --build --preset release -j "${TANDEM_JOBS:-$(nproc)}" --target installable >/dev/null
build/release/bin/tandem-master --version
grep -q leeoniya/uPlot build/release/bin/tandem-master  # the chart library itself, as its first comment says
cmake --install build/release --prefix "$work/installed" >/dev/null
"$work/installed/bin/tandem" --version
