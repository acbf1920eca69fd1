#!/usr/bin/env bash
# Configures and builds one preset, and says so; quiet but for that, unless something fails.
#
#   scripts/build.sh [PRESET [TARGET...]]     release (the default), dev, debug, asan, tsan, fuzz, package
#
# The programs land in build/PRESET/bin. The second time it takes a second.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=${1:-release}
shift || true
case $preset in
  release | dev | debug | asan | tsan | fuzz | package) ;;
  *)
    echo "build: no preset '$preset'; there are release, dev, debug, asan, tsan, fuzz and package" >&2
    exit 2
    ;;
esac
cd "$root"
tree=build/$preset
log=$tree/build.log

mkdir -p "$tree" 2>/dev/null || true
if ! : 2>/dev/null >"$log"; then
  echo "build: $(id -un) cannot write $root/$tree; if a run as another user made it, remove it" >&2
  exit 1
fi

# Runs a command with its output in the log, or on the terminal, where it shows how far it is.
run() {
  if [ -t 1 ]; then
    "$@"
  elif ! "$@" >>"$log" 2>&1; then
    grep -nE -A 12 'FAILED|error|Error' "$log" | head -n 60 >&2 || true
    echo "build: failed: $* (the whole output: $root/$log)" >&2
    return 1
  fi
}

if [ ! -f "$tree/build.ninja" ]; then
  echo "build: configuring $tree"
  run cmake --preset "$preset"
fi
echo "build: building ${*:-everything} in $tree"
targets=()
[ $# -gt 0 ] && targets=(--target "$@")
run cmake --build --preset "$preset" -j "${TANDEM_JOBS:-$(nproc)}" "${targets[@]}"
