#!/usr/bin/env bash
# The demonstration: two models that this project trained are inspected, compiled and run on 10,500
# held-out images; prints accuracy, latency and memory. Exits 1 where the accuracy is not the one of
# the model's card. Needs build/release/hone and python3-numpy.
set -euo pipefail
cd "$(dirname "$0")/.."

hone=build/release/hone
out=build/demo
export HONE_CACHE_DIR=$out/cache
python=/usr/bin/python3 # the one of the packages, whatever else is on PATH
[[ -x $python ]] || python=python3
bold='' plain=''
if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi
title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() { # runs a command and prints it first, as one would type it
  printf '%s$ %s%s\n' "$bold" "${*/#"$hone"/hone}" "$plain"
  "$@"
}

mkdir -p "$out"
title 'evaluation images: drawn from a seed, the same on every machine'
show "$python" zoo/evaluation_data.py --out "$out/images"

demo() { # MODEL LEAST_ACCURACY
  local name=$1 model=zoo/$1/model.onnx compiled=$out/$1.hone
  title "$name: what the file holds"
  show "$hone" inspect "$model"
  title "$name: compile"
  show "$hone" compile "$model" -o "$compiled"
  title "$name: the answers that PyTorch gave for this model"
  show "$hone" run "$model" --check "zoo/$name/test_data_set_0"
  title "$name: latency and memory of one image at a time"
  show "$hone" run "$compiled" --random --bind batch=1 --repeat 100
  title "$name: the evaluation images at once"
  show "$hone" run "$compiled" --input image="$out/images/images.npy" \
    -o "$out/$name"
  show "$python" zoo/accuracy.py "$out/$name/output_0.npy" "$out/images/labels.npy" --at-least "$2"
}

demo digits_cnn 0.98
demo digits_vit 0.97
