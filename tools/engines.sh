#!/usr/bin/env bash
# Runs the tests with the label `engines`, which compare with optional engines. The engines are
# installed from PyPI into a virtual environment below build/; where that cannot be, this skips.
set -euo pipefail
cd "$(dirname "$0")/.."

engines=(onnxruntime onnx tokenizers)
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
# Large, so only where it is asked for: ENGINES_TORCH=1.
if [[ -n ${ENGINES_TORCH:-} ]]; then
  timeout 1800 "$venv/bin/pip" install --quiet --disable-pip-version-check torch transformers ||
    echo "engines: pip could not install torch and transformers"
fi
ENGINES_PYTHON=$PWD/$venv/bin/python \
  ctest --test-dir "$build" --output-on-failure --no-tests=error -L engines --timeout 300
