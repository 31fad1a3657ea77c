#!/usr/bin/env python3
"""Measures opening, cleaning and running of models of published shapes.

    bench/opening.py HONE MODELS_DIR [--rounds N] [--csv FILE]

MODELS_DIR holds what bench/make_models.py wrote. Each command is a whole process, timed from start
to exit, page cache warm. Prints median, least and most; appends raw samples to FILE.
"""
import argparse
import csv
import platform
import statistics
import subprocess
import time
from pathlib import Path

COMMANDS = {
    "inspect, 1 GB": ["inspect", "large.onnx"],
    "import and clean, BERT-base": ["opt", "--pipeline=clean", "bert_base.onnx"],
    "ResNet-18, 2 threads, one run": ["run", "resnet18.onnx", "--random", "--threads", "2"],
}


def cpu_name():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("hone")
    parser.add_argument("models", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    version = subprocess.run([options.hone, "version"], capture_output=True, text=True,
                             check=True).stdout.strip()
    samples = {name: [] for name in COMMANDS}
    for _ in range(options.rounds):  # interleaved, so that drift of the machine meets all alike
        for name, (verb, *rest) in COMMANDS.items():
            words = [str(options.models / w) if w.endswith(".onnx") else w for w in rest]
            start = time.perf_counter()
            subprocess.run([options.hone, verb, *words], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            samples[name].append(time.perf_counter() - start)
    for name, times in samples.items():
        print(f"{name:32} median {statistics.median(times):.3f} s, "
              f"least {min(times):.3f} s, most {max(times):.3f} s, n {len(times)}")
    if options.csv:
        fresh = not options.csv.exists()
        with options.csv.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if fresh:
                writer.writerow(["workload", "seconds", "hone", "cpu"])
            for name, times in samples.items():
                writer.writerows([name, f"{t:.6f}", version, cpu_name()] for t in times)


if __name__ == "__main__":
    main()
