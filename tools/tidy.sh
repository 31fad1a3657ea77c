#!/usr/bin/env bash
# Runs clang-tidy over sources, using the compile commands of build/release.
#
#   tools/tidy.sh [--seconds N] --changed     what differs from origin/main, or else from HEAD~1
#   tools/tidy.sh [--seconds N] --all
#   tools/tidy.sh [--seconds N] FILE…
#
# After N seconds no further file is begun; the files left out are counted, not failed.
set -euo pipefail
cd "$(dirname "$0")/.."

database=build/release
seconds=0
files=()

compiled() { # every source that the build compiles, relative to the repository
  python3 - "$database/compile_commands.json" <<'PYTHON'
import json, os, sys
for entry in json.load(open(sys.argv[1])):
    path = os.path.relpath(os.path.join(entry["directory"], entry["file"]))
    if not path.startswith(("..", "build/")):
        print(path)
PYTHON
}

changed() {
  local base head
  head=$(git rev-parse HEAD)
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  if [[ -z $base || $base == "$head" ]]; then
    base=$(git rev-parse --verify --quiet HEAD~1 || true)
  fi
  if [[ -z $base ]]; then
    echo "tidy: no earlier commit to compare with; checking everything" >&2
    compiled
    return
  fi
  local names name
  names=$(git diff --name-only --diff-filter=d "$base" -- 'src' 'include' 'tests' 'bench')
  # A header is checked through the source of the same name, or through one that includes it.
  while IFS= read -r name; do
    case $name in
      *.cc) echo "$name" ;;
      *.h)
        if [[ -f ${name%.h}.cc ]]; then
          echo "${name%.h}.cc"
        else
          git grep -l --fixed-strings "\"${name#*/}\"" -- '*.cc' | head -n 1 || true
        fi
        ;;
    esac
  done <<<"$names"
}

while [[ $# -gt 0 ]]; do
  case $1 in
    --seconds) seconds=$2; shift ;;
    --changed) mapfile -t -O "${#files[@]}" files < <(changed) ;;
    --all) mapfile -t -O "${#files[@]}" files < <(compiled) ;;
    *) files+=("$1") ;;
  esac
  shift
done

command -v clang-tidy-19 >/dev/null || {
  echo "tidy: clang-tidy-19 is missing; tools/setup.sh dev installs it" >&2
  exit 1
}
[[ -f $database/compile_commands.json ]] || {
  echo "tidy: $database/compile_commands.json is missing; \`make build\` writes it" >&2
  exit 1
}

# Only what the build compiles has flags to check it with.
mapfile -t files < <(comm -12 <(printf '%s\n' "${files[@]}" | sort -u) <(compiled | sort -u))
if [[ ${#files[@]} -eq 0 || -z ${files[0]} ]]; then
  echo "tidy: nothing to check"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
deadline=$((seconds > 0 ? $(date +%s) + seconds : 0))

check() { # DATABASE DEADLINE WORK FILE
  if (($2 > 0 && $(date +%s) >= $2)); then
    echo "$4" >>"$3/left"
    return 0
  fi
  local log
  log=$(mktemp "$3/log.XXXXXX")
  # A test may take what it has just asserted, and do odd things on purpose.
  local fewer=()
  [[ $4 != *_test.cc ]] || fewer=(--checks=-bugprone-string-constructor,-bugprone-suspicious-memory-comparison,-bugprone-use-after-move,-bugprone-unused-return-value)
  if ! clang-tidy-19 -p "$1" --quiet --extra-arg=-Wno-unknown-warning-option \
    --extra-arg=-Wno-unknown-attributes --extra-arg=-Wno-error "${fewer[@]}" "$4" >"$log" 2>"$log.err"; then
    echo "$4" >>"$3/failed"
    cat "$log"
    grep -v -e 'warnings\? generated' -e 'warnings treated as errors' "$log.err" || true
  fi
}
export -f check
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "${JOBS:-$(nproc)}" \
  bash -c 'check "$@"' check "$database" "$deadline" "$work"

left=0
[[ ! -f $work/left ]] || left=$(wc -l <"$work/left")
[[ $left -eq 0 ]] || echo "tidy: time is up; $left of ${#files[@]} files were not checked"
if [[ -f $work/failed ]]; then
  echo "tidy: findings in $(sort "$work/failed" | tr '\n' ' ')" >&2
  exit 1
fi
echo "tidy: $((${#files[@]} - left)) files without findings"
