#!/bin/sh
# Fuzzes each reader from its seeds: run.sh SECONDS [TARGET…]. Builds the preset `fuzz` first. What
# is found lies in build/fuzz/found; new inputs that reach further are kept in build/fuzz/corpus.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:?seconds for each target}
shift
[ $# -gt 0 ] || set -- json npy protobuf safetensors text_form onnx
cmake --preset fuzz > /dev/null
for target in "$@"; do
  ninja -C build/fuzz "fuzz_$target" > build/fuzz/ninja.log || { tail -20 build/fuzz/ninja.log; exit 1; }
done
mkdir -p build/fuzz/found
for target in "$@"; do
  corpus=build/fuzz/corpus/$target
  mkdir -p "$corpus"
  set -- "tests/fuzz/seeds/$target"
  [ "$target" = text_form ] && set -- "$@" tests/golden
  echo "$target: ${seconds} s"
  "build/fuzz/fuzz/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=65536 -print_final_stats=1 -verbosity=0 -artifact_prefix=build/fuzz/found/ \
    "$corpus" "$@" 2> "build/fuzz/$target.log" || { tail -40 "build/fuzz/$target.log"; exit 1; }
  grep -E "stat::number_of_executed_units|stat::peak_rss_mb" "build/fuzz/$target.log"
done
