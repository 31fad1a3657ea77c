#!/usr/bin/env python3
"""Times hone against ONNX Runtime on the same files, in turn, and writes the ratios.

    bench/compare.py HONE MODEL... [--python PYTHON] [--threads 1,2] [--rounds 5] [--repeat 10]
                     [--samples FILE.json]

PYTHON is an interpreter with onnxruntime and numpy (python3 -m venv DIR && DIR/bin/pip install
onnxruntime numpy). Each round starts a process of either engine, one after the other (A B A B); each
process warms up and then times `repeat` runs. The figure is the median over all runs of an engine, the
ratio that of the medians with the least and the largest ratio of a round. Load lasts until the end of
the first inference: from the start of the process for hone, from behind its imports for ONNX Runtime.
"""
import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ORT = r"""
import json, sys, time
start = time.perf_counter()
import numpy as np, onnxruntime as ort
imported = time.perf_counter()
path, threads, repeat = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
options.inter_op_num_threads = 1
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
random = np.random.default_rng(1)
feeds = {}
for x in session.get_inputs():
    shape = [n if isinstance(n, int) else 1 for n in x.shape]
    feeds[x.name] = (random.integers(0, 100, shape) if "int64" in x.type
                     else random.standard_normal(shape).astype(np.float32))
session.run(None, feeds)
loaded = time.perf_counter()
session.run(None, feeds)
times = []
for _ in range(repeat):
    begin = time.perf_counter()
    session.run(None, feeds)
    times.append(time.perf_counter() - begin)
peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if "VmHWM" in line)
print(json.dumps({"times": times, "load": loaded - imported, "peak": peak, "version": ort.__version__}))
"""


def run_ort(python, model, threads, repeat):
    out = subprocess.run([python, "-c", ORT, model, str(threads), str(repeat)], check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out)


def run_hone(hone, model, threads, repeat):
    out = subprocess.run([hone, "run", model, "--random", "--json", "--threads", str(threads),
                          "--repeat", str(repeat)], check=True, capture_output=True,
                         text=True).stdout
    report = json.loads(out)
    begin = time.perf_counter()
    subprocess.run([hone, "run", model, "--random", "--json", "--threads", str(threads)],
                   check=True, capture_output=True)
    return {"times": report["latencies_s"], "load": time.perf_counter() - begin,
            "peak": report["peak_memory_bytes"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hone")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--samples")
    arguments = parser.parse_args()
    samples = []
    print(f"{'model':<14} {'threads':>7} {'hone ms':>9} {'ort ms':>9} {'ratio':>6} {'range':>13} "
          f"{'load':>5} {'memory':>6}")
    for model in arguments.models:
        for threads in map(int, arguments.threads.split(",")):
            rounds = []
            for _ in range(arguments.rounds):
                rounds.append({
                    "hone": run_hone(arguments.hone, model, threads, arguments.repeat),
                    "ort": run_ort(arguments.python, model, threads, arguments.repeat)})
            samples.append({"model": Path(model).name, "threads": threads, "rounds": rounds})

            def median(engine, key="times"):
                values = [r[engine][key] for r in rounds]
                return statistics.median(sum(values, []) if key == "times" else values)
            ratios = [statistics.median(r["hone"]["times"]) / statistics.median(r["ort"]["times"])
                      for r in rounds]
            print(f"{Path(model).stem:<14} {threads:>7} {median('hone') * 1e3:>9.2f} "
                  f"{median('ort') * 1e3:>9.2f} {median('hone') / median('ort'):>6.3f} "
                  f"{min(ratios):>6.3f}-{max(ratios):<6.3f} "
                  f"{median('hone', 'load') / median('ort', 'load'):>5.2f} "
                  f"{median('hone', 'peak') / median('ort', 'peak'):>6.2f}", flush=True)
    if arguments.samples:
        Path(arguments.samples).write_text(json.dumps(
            {"command": sys.argv, "samples": samples}, indent=1) + "\n")


if __name__ == "__main__":
    main()
