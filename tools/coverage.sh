#!/usr/bin/env bash
# Runs the tests with coverage counters; leaves build/coverage/report/index.html and prints totals.
set -euo pipefail
cd "$(dirname "$0")/.."

build=build/coverage
cmake --preset coverage >/dev/null
cmake --build --preset coverage -j "${JOBS:-$(nproc)}"
rm -rf "$build/raw"
mkdir -p "$build/raw"
LLVM_PROFILE_FILE=$PWD/$build/raw/%p-%m.profraw \
  ctest --test-dir "$build" --output-on-failure --no-tests=error -LE source
find "$build/raw" -name '*.profraw' >"$build/raw/list"
llvm-profdata-19 merge -sparse -f "$build/raw/list" -o "$build/merged.profdata"

objects=()
while IFS= read -r binary; do
  objects+=(-object "$binary")
done < <(find "$build" -type f -executable \( -name '*_test' -o -name hone \))
options=(-instr-profile="$build/merged.profdata" -ignore-filename-regex='_test\.cc$|/usr/|/build/')
llvm-cov-19 show "${objects[@]}" "${options[@]}" -format=html -output-dir="$build/report" >/dev/null
llvm-cov-19 report "${objects[@]}" "${options[@]}" | tail -n 1
