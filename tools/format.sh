#!/usr/bin/env bash
# Lays out every C++ source with clang-format; with --check only says which would change.
set -euo pipefail
cd "$(dirname "$0")/.."

formatter=$(command -v clang-format-19) || {
  echo "format: clang-format-19 is missing; tools/setup.sh dev installs it" >&2
  exit 1
}
mapfile -t files < <(git ls-files -- '*.cc' '*.h')
existing=()
for file in "${files[@]}"; do
  [[ ! -f $file ]] || existing+=("$file")
done
[[ ${#existing[@]} -gt 0 ]] || exit 0

if [[ ${1:-} == --check ]]; then
  bad=()
  for file in "${existing[@]}"; do
    "$formatter" --style=file "$file" | cmp -s - "$file" || bad+=("$file")
  done
  if [[ ${#bad[@]} -gt 0 ]]; then
    printf 'format: %s is not laid out as .clang-format says\n' "${bad[@]}" >&2
    echo "format: ${#bad[@]} of ${#existing[@]} files differ; \`make format\` corrects them" >&2
    exit 1
  fi
  echo "format: ${#existing[@]} files are laid out as .clang-format says"
else
  "$formatter" --style=file -i "${existing[@]}"
fi
