#!/usr/bin/env bash
# Runs the tests with the label `engines`, which compare with optional engines. The engines are
# installed from PyPI into a virtual environment below build/; where that cannot be, this skips.
set -euo pipefail
cd "$(dirname "$0")/.."

engines=(onnxruntime onnx)
venv=build/engines
build=build/release
skip() {
  echo "engines: skipped, $*"
  exit 0
}

if [[ ! -x $venv/bin/python ]]; then
  python3 -m venv "$venv" >/dev/null 2>&1 || {
    rm -rf "$venv"
    skip "python3 -m venv does not work here (package python3-venv)"
  }
fi
timeout 240 "$venv/bin/pip" install --quiet --disable-pip-version-check numpy "${engines[@]}" ||
  skip "pip could not install ${engines[*]}"
ENGINES_PYTHON=$PWD/$venv/bin/python \
  ctest --test-dir "$build" --output-on-failure --no-tests=error -L engines --timeout 300
