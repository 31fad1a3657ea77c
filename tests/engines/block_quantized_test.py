#!/usr/bin/env python3
"""Products with block-quantized weights (MatMulNBits) in hone and in ONNX Runtime, compared.

    block_quantized_test.py HONE

ENGINES_PYTHON names a Python that has onnxruntime, onnx and numpy; without it the test is skipped.
With an accuracy_level of 4 both round rows to 8 bits, each in its own way.
"""
import os
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

# Of the largest magnitude: what is left of numbers rounded to f32, and of rows rounded to 8 bits.
TOLERANCE = {0: 1e-5, 4: 0.015}


def model(random, bits, block, depth, asymmetric, level, bias):
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    rows, columns, blocks = 5, 19, -(-depth // block)
    codes = random.integers(0, 256, (columns, blocks, block * bits // 8)).astype(np.uint8)
    constants = {"codes": codes,
                 "scales": random.uniform(0.01, 0.1, columns * blocks).astype(np.float32)}
    inputs = ["x", "codes", "scales"]
    if asymmetric:
        per_row = -(-blocks * bits // 8)
        constants["zeros"] = random.integers(0, 256, columns * per_row).astype(np.uint8)
    inputs.append("zeros" if asymmetric else "")
    if bias:
        constants["bias"] = random.standard_normal(columns).astype(np.float32)
        inputs += ["", "bias"]
    node = helper.make_node("MatMulNBits", inputs, ["y"], domain="com.microsoft", K=depth,
                            N=columns, bits=bits, block_size=block, accuracy_level=level)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [rows, depth])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, columns])],
        [numpy_helper.from_array(v, k) for k, v in constants.items()])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17),
                                                   helper.make_opsetid("com.microsoft", 1)])
    made.ir_version = 8
    return made.SerializeToString(), random.standard_normal((rows, depth)).astype(np.float32)


def difference(hone, case):
    """What differs, or None; "left out" where ONNX Runtime does not take the model."""
    import numpy as np
    import onnxruntime

    level = case[4]
    data, x = model(np.random.default_rng(3), *case)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        want = session.run(None, {"x": x})[0]
    except Exception:
        return "left out"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "m.onnx").write_bytes(data)
        np.save(path / "x.npy", x)
        run = subprocess.run([hone, "run", path / "m.onnx", "--input", f"x={path / 'x.npy'}", "-o",
                              folder, "--log-level", "error"],
                             capture_output=True, text=True, timeout=60)
        if run.returncode != 0:
            return f"hone exits with {run.returncode}: {run.stderr.strip()[:300]}"
        got = np.load(path / "output_0.npy")
    error = np.abs(got - want).max() / np.abs(want).max()
    return None if error <= TOLERANCE[level] else f"off by {error:.3g}"


def main():
    python = os.environ.get("ENGINES_PYTHON")
    if not python:
        print("skipped: ENGINES_PYTHON is not set; `make engines` sets it up")
        return 77
    if Path(sys.executable) != Path(python):
        os.execv(python, [python, *sys.argv])

    outcomes = {}
    for case in product((4, 8), (16, 32, 128), (64, 200), (False, True), (0, 4), (False, True)):
        outcomes[case] = difference(sys.argv[1], case)
    wrong = {case: what for case, what in outcomes.items() if what not in (None, "left out")}
    for case, what in wrong.items():
        print("bits, block, depth, asymmetric, accuracy_level, bias", case, what)
    left_out = list(outcomes.values()).count("left out")
    print(f"{len(outcomes) - len(wrong) - left_out} products agree, {len(wrong)} differ, "
          f"{left_out} left out")
    return 1 if wrong or left_out > len(outcomes) // 2 else 0


if __name__ == "__main__":
    sys.exit(main())
