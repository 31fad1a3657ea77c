#!/usr/bin/env python3
"""Runs recorded networks and compares with their recorded outputs.

    run_corpora.py HONE CORPORA [NAME ...]

CORPORA holds onnx/ and expected/onnx/; `expected/FORMAT.md` there describes case.json. Without the
folder, or without NumPy, the test is skipped with a message. The tolerance of an output is the
larger of four times the recorded spread between two runs of the oracle and 1e-4 of the largest
magnitude.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
except ImportError:
    np = None

TOLERANCE = 1e-4  # of the largest magnitude
SPREADS = 4


def lcg(gen, shape, dtype):
    """The linear congruential generator of FORMAT.md, element by element in C order."""
    count = int(np.prod(shape, dtype=np.int64)) if shape else 1
    # s_k = a^k * seed + c * (a^(k-1) + ... + 1) mod 2^32, by doubling.
    a, c = np.uint64(1664525), np.uint64(1013904223)
    mask = np.uint64(0xFFFFFFFF)
    factor, offset = np.empty(count, np.uint64), np.empty(count, np.uint64)
    factor[:1], offset[:1] = a, c
    done = 1
    while done < count:
        n = min(done, count - done)
        fa, fc = factor[done - 1], offset[done - 1]
        factor[done:done + n] = factor[:n] * fa & mask
        offset[done:done + n] = (factor[:n] * fc + offset[:n]) & mask
        done += n
    state = (factor * np.uint64(gen["seed"]) + offset) & mask
    values = gen["lo"] + (gen["hi"] - gen["lo"]) * ((state >> np.uint64(8)) / 2.0**24)
    if np.issubdtype(dtype, np.floating):
        return values.astype(dtype).reshape(shape)
    return np.floor(values).astype(dtype).reshape(shape)


def image(gen, folder, shape, dtype):
    pixels = np.load(folder / gen["file"]).astype(np.float32)
    if gen.get("reverse_channels"):
        pixels = pixels[:, :, ::-1]
    add, div = np.float32(gen["add"]), np.float32(gen["div"])
    pixels = (pixels * np.float32(gen["mul"]) + add) / div
    pixels = pixels[None]
    if gen["layout"] == "NCHW":
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels).astype(dtype).reshape(shape)


def step_inputs(step, carry, folder, previous):
    """Name and array of each input; states come from the outputs of the step before."""
    inputs = {spec["name"]: read_input(spec, folder, previous) for spec in step["inputs"]}
    if previous:
        inputs.update({name: previous[output] for name, output in carry.items()})
    return inputs


def read_input(spec, folder, previous):
    if "from_previous_output" in spec:
        return previous[spec["from_previous_output"]]
    if "file" in spec:
        return np.load(folder / spec["file"])
    gen, dtype = spec["gen"], np.dtype(spec["dtype"])
    if gen["kind"] == "lcg":
        return lcg(gen, spec["shape"], dtype)
    if gen["kind"] == "const":
        return np.full(spec["shape"], gen["value"], dtype)
    return image(gen, folder, spec["shape"], dtype)


def stored_part(spec, got):
    if "stored_stride" in spec:
        k = spec["stored_stride"]
        return got[:, :, ::k, ::k]
    if "stored_stride_hw" in spec:
        return got[:, ::4, ::4]
    return got


def compare(spec, got, folder):
    """None, or what differs."""
    if list(got.shape) != spec["shape"]:
        return f"has shape {list(got.shape)}, expected {spec['shape']}"
    if "file" not in spec:
        return None
    want = np.load(folder / spec["file"])
    got = stored_part(spec, got)
    if not np.issubdtype(want.dtype, np.floating) or spec.get("stored_as"):
        return None if np.array_equal(got.astype(want.dtype), want) else "integers differ"
    allowed = max(SPREADS * spec["spread"], TOLERANCE * spec["absmax"], 1e-6)
    if not np.array_equal(np.isnan(got), np.isnan(want)):
        return "NaNs differ"
    error = float(np.nanmax(np.abs(got.astype(np.float64) - want), initial=0.0))
    return None if error <= allowed else f"error {error:.3g}, allowed {allowed:.3g}"


def run_case(hone, corpora, case_file, scratch):
    case = json.loads(case_file.read_text())
    previous = {}
    for number, step in enumerate(case["steps"]):
        command = [hone, "run", str(corpora / case["model"]), "-o", str(scratch), "--json"]
        inputs = step_inputs(step, case["carry"], case_file.parent, previous)
        for index, (name, array) in enumerate(inputs.items()):
            file = scratch / f"in_{index}.npy"
            np.save(file, array)
            command += ["--input", f"{name}={file}"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if result.returncode != 0:
            return f"step {number}: exit {result.returncode}: {result.stderr.strip()[:400]}"
        files = {o["name"]: o["file"] for o in json.loads(result.stdout)["outputs"]}
        for spec in step["outputs"]:
            if spec.get("nontensor"):
                continue
            if spec["name"] not in files and "without the final ZipMap" in case["note"]:
                continue  # the recorded tensor became the maps of the model's output
            if spec["name"] not in files:
                return f"step {number}: there is no output '{spec['name']}'"
            got = np.load(files[spec["name"]])
            previous[spec["name"]] = got
            wrong = compare(spec, got, case_file.parent)
            if wrong:
                return f"step {number}: output '{spec['name']}' {wrong}"
    return None


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    hone, corpora, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    if np is None or not (corpora / "expected" / "onnx").is_dir():
        print(f"skipped: {'NumPy' if np is None else corpora} is absent")
        return 77
    known = {}
    for line in (Path(__file__).parent / "known.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, reason = line.split(": ", 1)
            known[name] = reason
    passed = failed = skipped = 0
    for case_file in sorted((corpora / "expected" / "onnx").glob("*/*/case.json")):
        name = "/".join(case_file.parts[-3:-1])
        if names and not any(n in name for n in names):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            wrong = run_case(hone, corpora, case_file, Path(scratch))
        if wrong and name in known:
            print(f"known  {name}: {known[name]}")
            skipped += 1
        elif wrong:
            print(f"FAILED {name}: {wrong}")
            failed += 1
        elif name in known:
            print(f"FAILED {name}: passes now; take it out of known.txt")
            failed += 1
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
