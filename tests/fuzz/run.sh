#!/usr/bin/env bash
# Builds the fuzzers with clang and runs each; before them, under the same sanitizers, the tests of the parsers.
#
#   tests/fuzz/run.sh [SECONDS [TARGET...]]     60 seconds each when not said otherwise; all targets
#
# Exit status: 0 nothing found, 1 a finding (its file and how to run it again are printed), 2 bad usage,
# 77 clang-14 is not installed: scripts/install-packages.sh fuzz.
# What a run learns is kept in build/fuzz/corpus and used by the next one; findings go to build/fuzz/findings.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/fuzz
tree=$root/build/fuzz
seconds=${1:-60}
shift || true
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
  echo "fuzz: SECONDS must be a whole number above 0, not '$seconds'" >&2
  exit 2
fi

if ! command -v clang++-14 >/dev/null ||
  ! compgen -G "$(clang++-14 -print-resource-dir)/lib/linux/libclang_rt.fuzzer-*.a" >/dev/null; then
  echo "fuzz: skipped: clang-14 and libclang-rt-14-dev are not installed (scripts/install-packages.sh fuzz)"
  exit 77
fi

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for source in "$here"/*_fuzzer.cpp; do
    targets+=("$(basename "$source" _fuzzer.cpp)")
  done
fi
for target in "${targets[@]}"; do
  if ! [ -e "$here/${target}_fuzzer.cpp" ]; then
    echo "fuzz: no target '$target': there is no $here/${target}_fuzzer.cpp" >&2
    exit 2
  fi
done

"$root/scripts/build.sh" fuzz

export ASAN_OPTIONS=${ASAN_OPTIONS:-strict_string_checks=1:detect_stack_use_after_return=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
found=0
if "$tree/bin/parser_cases" >"$tree/parser_cases.log" 2>&1; then
  echo "fuzz: parser_cases: $(grep -E 'passed' "$tree/parser_cases.log" | tail -n 1)"
else
  found=1
  tail -n 60 "$tree/parser_cases.log"
  echo "fuzz: run it again: $tree/bin/parser_cases"
fi
for target in "${targets[@]}"; do
  learnt=$tree/corpus/$target
  findings=$tree/findings/$target
  mkdir -p "$learnt" "$findings"
  dictionary=$here/http.dict
  grep -qE 'must_be_a_fixpoint|json\.dict' "$here/${target}_fuzzer.cpp" && dictionary=$here/json.dict
  log=$tree/$target.log
  if "$tree/bin/${target}_fuzzer" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 \
    -dict="$dictionary" -artifact_prefix="$findings/" "$learnt" "$here/corpus/$target" >"$log" 2>&1; then
    echo "fuzz: $target: $(grep -o 'Done [0-9]* runs' "$log" | tail -n 1 || true), nothing found"
  else
    found=1
    echo "fuzz: $target: FOUND"
    tail -n 40 "$log"
    echo "fuzz: run it again: $tree/bin/${target}_fuzzer $(ls -t "$findings"/* 2>/dev/null | head -n 1)"
  fi
done
exit "$found"
