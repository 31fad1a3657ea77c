#!/usr/bin/env bash
# Runs the tests with the label `engines`, which compare with optional engines. The engines are
# installed from PyPI into a virtual environment below build/; where that cannot be, this skips.
set -euo pipefail
cd "$(dirname "$0")/.."

engines=(onnxruntime)
venv=build/engines
build=build/release
skip() {
  echo "engines: skipped, $*"
  exit 0
}

count=$(ctest --test-dir "$build" -N -L engines 2>/dev/null | sed -n 's/^Total Tests: //p')
[[ ${count:-0} -gt 0 ]] || skip "no test has the label engines yet"
if [[ ! -x $venv/bin/python ]]; then
  python3 -m venv --system-site-packages "$venv" >/dev/null 2>&1 || {
    rm -rf "$venv"
    skip "python3 -m venv does not work here (package python3-venv)"
  }
fi
timeout 240 "$venv/bin/pip" install --quiet --disable-pip-version-check "${engines[@]}" ||
  skip "pip could not install ${engines[*]}"
ENGINES_PYTHON=$PWD/$venv/bin/python \
  ctest --test-dir "$build" --output-on-failure -L engines --timeout 300
