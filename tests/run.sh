#!/usr/bin/env bash
# The one test command: installs what is missing, builds, runs every test, ends with ctest's summary.
#
#   tests/run.sh [CTEST-ARGUMENT...]            the release build
#   tests/run.sh long [CTEST-ARGUMENT...]       the same, and what takes too long for every day (label long)
#   tests/run.sh sanitize [CTEST-ARGUMENT...]   the asan (address, undefined) and tsan builds, one after
#                                               the other, without the tests that are labelled load
#
# For instance: tests/run.sh -R failover, or tests/run.sh long -L long for what takes long alone. As many tests
# run at once as there are processors, or TANDEM_JOBS says. Works from any directory, as root, through sudo, or as a user.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=${TANDEM_JOBS:-$(nproc)}

"$root/scripts/install-packages.sh" base servers fuzz
"$root/scripts/install-npm.sh" master/page tests/grpc/js tests/browser

# Halting on the first report makes a report a failure, whichever process of a test it is in.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:suppressions=$root/tests/tsan.supp}

run_preset() {
  local preset=$1
  shift
  "$root/scripts/build.sh" "$preset"
  echo "run: ctest in build/$preset, $jobs at a time"
  # ctest keeps the output of tests that pass to itself; what the simulation found is shown all the same, and what
  # took longest. ctest's summary stays the last thing that is printed.
  local reports=$root/build/$preset/fresh-hours
  rm -rf "$reports"
  mkdir -p "$reports"
  ctest --test-dir "$root/build/$preset" -j "$jobs" --output-on-failure --no-tests=error "$@" |
    awk -v reports="$reports" '
      match($0, /^ *[0-9]+\/[0-9]+ +Test +#[0-9]+: /) && / sec$/ {
        name = substr($0, RLENGTH + 1)
        sub(/ \.\.\..*$/, "", name)
        seconds[name] = $(NF - 1)
      }
      / tests? passed, / {
        fflush()
        system("cat " reports "/*.txt 2>/dev/null | grep -E \"^(seeds|simulated hours|violations)\" | sed \"s/^/simulated: /\"")
        slowest = "sort -rn | head -n 10 | sed \"s/^/slowest: /\""
        for (name in seconds) printf "%7.2f s  %s\n", seconds[name], name | slowest
        close(slowest)
      }
      { print; fflush() }'
}

if [ "${1:-}" = sanitize ]; then
  shift
  failed=0
  run_preset asan -LE load "$@" || failed=1
  run_preset tsan -LE load "$@" || failed=1
  exit "$failed"
fi
if [ "${1:-}" = long ]; then
  shift
  "$root/scripts/install-packages.sh" packaging
  run_preset release -C Long "$@"
  exit
fi
run_preset release "$@"
