#!/usr/bin/env python3
"""Is a quantized model ever slower than the same model in f32? In turn, in separate processes.

    bench/gate.py HONE MODELS_DIR QUANTIZED_DIR [--sets amx,avx2 …] [--threads 1,2] [--rounds 5]
                  [--samples FILE.csv]

QUANTIZED_DIR holds what bench/quantize_models.py makes: NAME_how.onnx is compared with
MODELS_DIR/NAME.onnx or MODELS_DIR/NAME/model.onnx (the zoo). Both are compiled first, which is where
products are chosen to be of bytes or of real numbers; each instruction set of --sets
(HONE_INSTRUCTION_SET) has a cache of its own. Prints the least time of both and their ratio, the
median over rounds.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def source_of(quantized, models):
    """The f32 model that a quantized one was made of: the longest name that begins its own."""
    stem = quantized.stem
    while "_" in stem:
        stem = stem.rpartition("_")[0]
        for path in (models / f"{stem}.onnx", models / stem / "model.onnx"):
            if path.exists():
                return path
    return None


def compiled(hone, path, folder, environment):
    target = Path(folder) / f"{path.parent.name}_{path.stem}.hone"
    subprocess.run([hone, "compile", path, "-o", target], env=environment, check=True,
                   stdout=subprocess.DEVNULL, timeout=600)
    return target


def seconds(hone, model, threads, environment):
    run = subprocess.run([hone, "run", model, "--random", "--threads", str(threads), "--repeat",
                          "10", "--json"], env=environment, check=True, capture_output=True,
                         text=True, timeout=600)
    return min(json.loads(run.stdout)["latencies_s"])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hone")
    parser.add_argument("models", type=Path)
    parser.add_argument("quantized", type=Path)
    parser.add_argument("--sets", default="")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples")
    a = parser.parse_args()
    pairs = [(source_of(q, a.models), q) for q in sorted(a.quantized.glob("*.onnx"))]
    pairs = [(f, q) for f, q in pairs if f]
    if not pairs:
        sys.exit(f"no model in {a.quantized} was made of one in {a.models}")
    samples = []
    for name in a.sets.split(","):
        with tempfile.TemporaryDirectory() as folder:
            environment = dict(os.environ, HONE_CACHE_DIR=f"{folder}/cache",
                               **({"HONE_INSTRUCTION_SET": name} if name else {}))
            for full, quantized in pairs:
                both = [compiled(a.hone, path, folder, environment) for path in (full, quantized)]
                for threads in map(int, a.threads.split(",")):
                    times = [[seconds(a.hone, model, threads, environment) for model in both]
                             for _ in range(a.rounds)]
                    ratio = statistics.median(q / f for f, q in times)
                    f32, narrow = (min(column) * 1e3 for column in zip(*times))
                    print(f"{name or 'best':12} {quantized.stem:22} threads {threads}  f32 "
                          f"{f32:8.2f} ms  quantized {narrow:8.2f} ms  {ratio:.2f}", flush=True)
                    samples += [[name or "best", quantized.stem, threads, r, f, q]
                                for r, (f, q) in enumerate(times)]
                for model in both:
                    model.unlink()
    if a.samples:
        with open(a.samples, "w", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(["set", "model", "threads", "round", "f32_s", "quantized_s"])
            writer.writerows(samples)


if __name__ == "__main__":
    main()
