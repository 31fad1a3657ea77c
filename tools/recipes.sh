#!/usr/bin/env bash
# Follows the recipes of CONTRIBUTING.md in a copy of the tree below build/recipes: writes their
# files, builds, and runs their tests.
set -euo pipefail
cd "$(dirname "$0")/.."

copy=build/recipes
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' name; do
  [[ ! -f $name ]] || printf '%s\0' "$name"
done | tar --null --files-from=- --create | tar --extract --directory="$copy"
(cd "$copy" && cmake --preset release >/dev/null)
HONE_BUILD=$copy/build/release python3 tests/docs/run_blocks.py --keep "$copy" CONTRIBUTING.md
rm -rf "$copy"
