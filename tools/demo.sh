#!/usr/bin/env bash
# The demonstration: models that this project trained are inspected, compiled and run on data that they
# have not seen. Two read 10,500 images; prints accuracy, latency and memory. Two language models write
# and one tells hidden words; prints perplexity, accuracy and speed. Exits 1 where a figure is not the
# one of the model's card. Needs build/release/hone and python3-numpy.
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

heldout=zoo/data/verses_heldout.txt

foretell() { # MODEL MOST_PERPLEXITY
  local line
  line=$(show "$hone" perplexity "$1" -f "$heldout")
  printf '%s\n' "$line"
  awk -v most="$2" '/^perplexity/ { holds = $2 <= most } END { exit !holds }' <<<"$line" || {
    printf 'the perplexity is above %s\n' "$2" >&2
    return 1
  }
}

llama=zoo/verses_llama/model-q8_0.gguf
title 'verses_llama: a language model of 2.3 M parameters, in 8 bits'
show "$hone" generate "$llama" -p 'And it came to pass' -n 120 --temperature 0.7 --seed 1 --timing
title 'verses_llama, verses_gpt2: perplexity of 14 chapters they have not read'
foretell zoo/verses_llama/model-f16.gguf 22
foretell "$llama" 22
foretell zoo/verses_gpt2 43
title 'verses_bert: hidden words of the same chapters'
show "$python" zoo/masked_text.py --out "$out/masked"
show "$hone" run zoo/verses_bert --input input_ids="$out/masked/input_ids.npy" \
  --input attention_mask="$out/masked/attention_mask.npy" \
  --input token_type_ids="$out/masked/token_type_ids.npy" -o "$out/verses_bert"
show "$python" zoo/masked_text.py --out "$out/masked" --logits "$out/verses_bert/output_1.npy" \
  --at-least 0.42
