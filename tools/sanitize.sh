#!/usr/bin/env bash
# Builds with sanitizers and runs the tests under them.
#
#   tools/sanitize.sh asan    address and undefined behaviour: every test that runs code of hone
#   tools/sanitize.sh tsan    data races: the tests of what uses threads
set -euo pipefail
cd "$(dirname "$0")/.."

preset=${1:-asan}
jobs=${JOBS:-$(nproc)}
build=build/$preset
cmake --preset "$preset" >/dev/null

case $preset in
  asan)
    cmake --build --preset asan -j "$jobs"
    # No detect_stack_use_after_return: its frames are not aligned for alignas(64) (GCC bug 110027).
    export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    # Tests with the label `source` look at the sources only.
    ctest --test-dir "$build" --output-on-failure --no-tests=error -LE source -j "$jobs"
    ;;
  tsan)
    threaded=(api base property_0 property_1 runtime)
    targets=(api_test base_test hone_property runtime_test)
    cmake --build --preset tsan -j "$jobs" --target "${targets[@]}"
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    # The runtime of this sanitizer needs a plain address layout.
    plain=()
    ! setarch "$(uname -m)" -R true 2>/dev/null || plain=(setarch "$(uname -m)" -R)
    pattern=$(IFS='|' && echo "${threaded[*]}")
    "${plain[@]}" ctest --test-dir "$build" --output-on-failure --no-tests=error \
      -R "^($pattern)\$" -j "$jobs"
    ;;
  *)
    echo "usage: tools/sanitize.sh asan|tsan" >&2
    exit 2
    ;;
esac
