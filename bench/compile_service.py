#!/usr/bin/python3
"""How many models an hour `hone compile` takes, with one job and two, anew and from the cache.

    bench/compile_service.py HONE MODELS... [--rounds N] [--csv FILE]

The models are compiled together, into a fresh folder and with a cache of their own, in turn: one job,
two jobs, one job … Anew is with an empty cache. The page cache is warm. Memory is the peak of the process
that compiles, mapped files included. Raw samples are appended to FILE.
"""
import argparse
import csv
import datetime
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

JOBS = (1, 2)


def compiled(hone, models, jobs, folder):
    """One report of `hone compile --json`."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [hone, "compile", *models, "-o", f"{out}/", "--jobs", str(jobs), "--json"]
    done = subprocess.run(command, check=True, capture_output=True,
                          env={**os.environ, "HONE_CACHE_DIR": str(folder / "cache")})
    report = json.loads(done.stdout)
    assert report["failed"] == 0, report
    return report


def measure(hone, models, rounds):
    """Rows of (round, jobs, state, report)."""
    rows = []
    for number in range(rounds):
        for jobs in JOBS:
            folder = Path(tempfile.mkdtemp(prefix="hone_compile_service_"))
            try:
                for state in ("anew", "cached"):
                    report = compiled(hone, models, jobs, folder)
                    cached = [r["cached"] for r in report["results"]]
                    assert cached == [state == "cached"] * len(models), cached
                    rows.append((number, jobs, state, report))
            finally:
                shutil.rmtree(folder)
    return rows


def table(rows, count):
    base = {}
    lines = [f"| {count} models | jobs | models an hour | scaling | longest model | peak memory |",
             "|---|---|---|---|---|---|"]
    for state in ("anew", "cached"):
        for jobs in JOBS:
            reports = [r for _, j, s, r in rows if (j, s) == (jobs, state)]
            rate = statistics.median(r["models_per_hour"] for r in reports)
            longest = statistics.median(max(x["compile_s"] for x in r["results"]) for r in reports)
            memory = max(r["peak_memory_bytes"] for r in reports)
            base.setdefault(state, rate)
            lines.append(f"| {state} | {jobs} | {rate:.0f} | {rate / base[state]:.2f} | "
                         f"{longest:.2f} s | {memory / 1e6:.0f} MB |")
    return "\n".join(lines)


def append(path, rows):
    fresh = not Path(path).exists() or Path(path).stat().st_size == 0
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), "")
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(["utc", "cpu", "round", "jobs", "state", "model", "compile_s",
                             "elapsed_s", "models_per_hour", "peak_memory_bytes"])
        for number, jobs, state, report in rows:
            for r in report["results"]:
                writer.writerow([now, cpu, number, jobs, state, Path(r["model"]).name,
                                 f"{r['compile_s']:.6f}", f"{report['elapsed_s']:.6f}",
                                 f"{report['models_per_hour']:.1f}", report["peak_memory_bytes"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("hone")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--csv")
    arguments = parser.parse_args()
    rows = measure(arguments.hone, arguments.models, arguments.rounds)
    print(table(rows, len(arguments.models)))
    if arguments.csv:
        append(arguments.csv, rows)


if __name__ == "__main__":
    main()
