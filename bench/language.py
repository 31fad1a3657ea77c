#!/usr/bin/env python3
"""Times hone and llama.cpp on the same GGUF files in turn, and prints the ratios.

    bench/language.py LLAMA_BENCH [--peer NAME] [--rounds N] [--threads N] [--decode N] [--csv FILE] MODEL.gguf…

LLAMA_BENCH is a built `llama-bench`, of llama.cpp or of a fork that --peer names. Needs the target hone_bench_language. Each round runs the two
after each other, so that both see the same state of a shared machine; the ratio of a round is hone's
tokens per second over llama.cpp's, and the median over rounds is printed with the least and the
largest. The file gets every sample.
"""
import argparse
import csv
import datetime
import json
import pathlib
import re
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PREFILL = 512


def hone(model: str, threads: int, decode: int) -> tuple[float, float]:
    command = [ROOT / "build/release/hone_bench_language", model, str(threads), str(PREFILL), str(decode), "1"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout
    found = re.search(r"prefill ([\d.]+) tok/s, decode ([\d.]+) tok/s", out)
    return float(found[1]), float(found[2])


def llama(binary: str, model: str, threads: int, decode: int) -> tuple[float, float]:
    command = [binary, "-m", model, "-t", str(threads), "-p", str(PREFILL), "-n", str(decode), "-r", "1", "-o", "json"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout
    rows = json.loads(out)
    speed = {bool(row["n_gen"]): row["avg_ts"] for row in rows}
    return speed[False], speed[True]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("llama_bench")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--peer", default="llama.cpp")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--decode", type=int, default=128)
    parser.add_argument("--csv")
    arguments = parser.parse_args()
    samples = []
    for model in arguments.models:
        name = pathlib.Path(model).stem
        ratios = {"prefill": [], "decode": []}
        for round_number in range(arguments.rounds):
            theirs = llama(arguments.llama_bench, model, arguments.threads, arguments.decode)
            ours = hone(model, arguments.threads, arguments.decode)
            for i, phase in enumerate(ratios):
                ratios[phase].append(ours[i] / theirs[i])
                tokens = (PREFILL, arguments.decode)[i]
                for engine, speed in (("hone", ours[i]), (arguments.peer, theirs[i])):
                    samples.append([datetime.date.today().isoformat(), name, arguments.threads, round_number, phase,
                                    tokens, engine, f"{speed:.2f}"])
        shown = "; ".join(f"{phase} {statistics.median(r):.2f} ({min(r):.2f} to {max(r):.2f})"
                          for phase, r in ratios.items())
        print(f"{name}: {shown}", flush=True)
    if arguments.csv:
        with open(arguments.csv, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["date", "model", "threads", "round", "phase", "tokens", "engine", "tokens_per_s"])
            writer.writerows(samples)


if __name__ == "__main__":
    main()
