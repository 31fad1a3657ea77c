#!/usr/bin/env python3
"""Runs the same models with the same made-up inputs in hone and in ONNX Runtime, and compares.

    onnxruntime_test.py HONE ZOO CONFORMANCE

ENGINES_PYTHON names a Python that has onnxruntime and numpy; without it the test is skipped. Taken
are the models of ZOO and of CONFORMANCE (libonnx-testdata) all of whose inputs are float32 tensors
of known shapes and whose operators draw no random numbers.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

RELATIVE = 1e-4  # of the largest magnitude of an output
ABSOLUTE = 1e-6
SYMBOLIC_EXTENT = 2
# Functions that are steep or undefined on some random inputs, and operators that draw numbers.
LEFT_OUT = re.compile(r"bernoulli|dropout|random|multinomial|test_acosh|test_log\b")


def input_types(session):
    """Name and shape of each input, or None where one is not a float32 tensor."""
    found = []
    for item in session.get_inputs():
        if item.type != "tensor(float)":
            return None
        shape = [n if isinstance(n, int) else SYMBOLIC_EXTENT for n in item.shape]
        found.append((item.name, shape))
    return found


def differences(expected, folder):
    """What is wrong with the outputs in `folder`, or None."""
    import numpy as np

    for index, want in enumerate(expected):
        if not isinstance(want, np.ndarray):
            return "skip"
        got = np.load(folder / f"output_{index}.npy")
        if want.dtype.kind == "O":
            # ONNX leaves the number of digits of a number cast to a text open.
            got, want = got.astype(np.float32), want.astype(np.float32)
        if got.shape != want.shape or got.dtype != want.dtype:
            return f"output {index}: {got.dtype}{got.shape}, not {want.dtype}{want.shape}"
        if want.dtype.kind != "f":
            if not np.array_equal(got, want):
                return f"output {index} differs"
            continue
        finite = np.isfinite(want)
        if not np.array_equal(np.isfinite(got), finite):
            return f"output {index}: not finite in other places"
        if not finite.any():
            continue
        error = np.abs(got[finite].astype(np.float64) - want[finite])
        bound = ABSOLUTE + RELATIVE * np.abs(want[finite]).max()
        if error.max() > bound:
            return f"output {index}: off by {error.max():.3g}, more than {bound:.3g}"
    return None


def compare(hone, model, random):
    """'same', 'left out', or what differs."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"])
        types = input_types(session)
        if types is None:
            return "left out"
        feed = {name: random.standard_normal(shape).astype(np.float32) for name, shape in types}
        expected = session.run(None, feed)
    except Exception:  # what ONNX Runtime does not run says nothing about hone
        return "left out"
    with tempfile.TemporaryDirectory() as folder:
        command = [hone, "run", str(model), "-o", folder, "--log-level", "error"]
        for index, (name, value) in enumerate(feed.items()):
            path = Path(folder) / f"input_{index}.npy"
            np.save(path, value)
            command += ["--input", f"{index}={path}"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if run.returncode != 0:
            return f"hone exits with {run.returncode}: {run.stderr.strip()[:300]}"
        wrong = differences(expected, Path(folder))
    return {None: "same", "skip": "left out"}.get(wrong, wrong)


def main():
    hone, zoo, conformance = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    python = os.environ.get("ENGINES_PYTHON")
    if not python:
        print("skipped: ENGINES_PYTHON is not set; `make engines` sets it up")
        return 77
    if Path(sys.executable) != Path(python):
        os.execv(python, [python, *sys.argv])
    import numpy as np
    import onnxruntime

    models = sorted(zoo.glob("*/model.onnx")) + sorted(conformance.glob("**/model.onnx"))
    counts = {"same": 0, "left out": 0}
    failures = []
    for model in models:
        if LEFT_OUT.search(model.parent.name):
            counts["left out"] += 1
            continue
        outcome = compare(hone, model, np.random.default_rng(7))
        if outcome in counts:
            counts[outcome] += 1
        else:
            failures.append(f"{model.parent.name}: {outcome}")
    print("\n".join(failures))
    print(f"ONNX Runtime {onnxruntime.__version__}: {counts['same']} models agree, "
          f"{len(failures)} differ, {counts['left out']} left out")
    return 1 if failures or counts["same"] < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
