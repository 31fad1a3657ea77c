#!/usr/bin/env bash
# Builds the libFuzzer targets and runs them for SECONDS of wall time in all.
#
#   tools/fuzz.sh [SECONDS]      180 by default
#
# A target is build/fuzz/fuzz/NAME of tests/fuzz/NAME.cc; its seeds lie in tests/fuzz/seeds/NAME,
# new inputs that reach further are kept in build/fuzz/corpus/NAME. Each target gets at least 30
# seconds; where that is too much for all of them, the day and the commit decide which have their
# turn.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-180}
jobs=${JOBS:-$(nproc)}
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$jobs" --target fuzz_all
mapfile -t targets < <(find build/fuzz/fuzz -type f -executable | sort)
if [[ ${#targets[@]} -eq 0 ]]; then
  echo "fuzz: no target was built" >&2
  exit 1
fi

slots=$((seconds * jobs / 30))
((slots >= 1)) || slots=1
count=${#targets[@]}
if ((count > slots)); then
  commit=$(git rev-parse HEAD 2>/dev/null || echo 0)
  first=$((($(date +%s) / 86400 + 16#${commit:0:6}) % count))
  chosen=()
  for ((i = 0; i < slots; ++i)); do
    chosen+=("${targets[(first + i) % count]}")
  done
  echo "fuzz: ${#chosen[@]} of $count targets have their turn"
else
  chosen=("${targets[@]}")
fi
each=$((seconds * jobs / ${#chosen[@]}))
((each <= seconds)) || each=$seconds

fuzz_one() { # TARGET SECONDS
  local name=${1##*/} log
  local found=build/fuzz/corpus/$name crashes=build/fuzz/crashes/$name
  mkdir -p "$found" "$crashes"
  log=$crashes/log
  local folders=("$found")
  folders+=("tests/fuzz/seeds/$name")
  [[ $name != text_form ]] || folders+=(tests/golden)
  if "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2560 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$crashes/" "${folders[@]}" >"$log" 2>&1; then
    printf 'fuzz: %-20s %5d s %12s executions\n' "$name" "$2" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  else
    printf 'fuzz: %s failed; the input is in %s\n' "$name" "$crashes"
    tail -n 60 "$log"
    return 1
  fi
}
export -f fuzz_one
printf '%s\0' "${chosen[@]}" | xargs -0 -P "$jobs" -I '{}' bash -c 'fuzz_one "$@"' fuzz '{}' "$each"
