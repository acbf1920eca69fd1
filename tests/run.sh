#!/usr/bin/env bash
# The one test command: installs what is missing, builds, runs every test, ends with ctest's summary.
#
#   tests/run.sh [CTEST-ARGUMENT...]            the release build
#   tests/run.sh sanitize [CTEST-ARGUMENT...]   the asan (address, undefined) and tsan builds, one after
#                                               the other, without the tests that are labelled load
#
# For instance: tests/run.sh -R failover. Works from any directory, as root, through sudo, or as a user.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=2

"$root/scripts/install-packages.sh" base servers fuzz

# Halting on the first report makes a report a failure, whichever process of a test it is in.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:suppressions=$root/tests/tsan.supp}

run_preset() {
  local preset=$1
  shift
  "$root/scripts/build.sh" "$preset"
  echo "run: ctest in build/$preset, $jobs at a time"
  # ctest keeps the output of tests that pass to itself; what the simulation found is shown all the same.
  local report=$root/build/$preset/fresh-hours.txt
  rm -f "$report"
  ctest --test-dir "$root/build/$preset" -j "$jobs" --output-on-failure --no-tests=error "$@" |
    awk -v report="$report" '
      / tests? passed, / { while ((getline line < report) > 0) print "simulated: " line }
      { print; fflush() }'
}

if [ "${1:-}" = sanitize ]; then
  shift
  failed=0
  run_preset asan -LE load "$@" || failed=1
  run_preset tsan -LE load "$@" || failed=1
  exit "$failed"
fi
run_preset release "$@"
