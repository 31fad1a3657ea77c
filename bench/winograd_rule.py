#!/usr/bin/env python3
"""Fits the rule by which convolutions go by Winograd's way where nothing was measured.

    winograd_rule.py HONE FOLDER [--rounds N] [--threads N]

HONE measures the 3 x 3 convolutions of known networks both ways, on one thread, and this fits the
constants of direct_seconds() and winograd_seconds() in src/passes/winograd_choice.cc to the least
times of N rounds. Printed are the constants, and where the rule decides otherwise than the times
do. To be run again when the kernels of either way have changed. Needs NumPy.
"""
import argparse
import json
import os
import subprocess
from pathlib import Path

import numpy

# Height and width, channels, filters; padded by 1.
SHAPES = [
    *((56, 64, 64), (28, 128, 128), (14, 256, 256), (7, 512, 512)),  # ResNet
    *((224, 64, 64), (112, 64, 128), (112, 128, 128), (56, 128, 256), (56, 256, 256),
      (28, 256, 512), (28, 512, 512), (14, 512, 512)),  # VGG
    *((56, 64, 192), (28, 64, 96), (28, 96, 96), (28, 64, 64), (14, 64, 96), (14, 96, 128),
      (14, 128, 160), (14, 160, 192), (14, 192, 256), (7, 160, 224), (7, 192, 320),
      (7, 224, 224)),  # Inception
    *((54, 16, 64), (54, 32, 128), (27, 32, 128), (27, 48, 192), (27, 64, 256),
      (13, 64, 256)),  # SqueezeNet
    *((56, 128, 32), (28, 128, 32), (14, 128, 32), (7, 128, 32)),  # DenseNet
    *((13, 192, 384), (13, 384, 256)),  # AlexNet
    *((4, 64, 64), (8, 32, 32), (16, 16, 16), (32, 16, 32)),
]


def model(folder):
    """Every convolution by itself; their weights are one file, read from its beginning."""
    largest = max(9 * c * m for _, c, m in SHAPES)
    weights = numpy.random.default_rng(1).uniform(-0.1, 0.1, largest).astype("<f4")
    (folder / "weights.bin").write_bytes(weights.tobytes())
    lines = ["hone 1", f'source 0 "weights.bin" {4 * largest}']
    inputs, outputs, body = [], [], []
    for i, (size, c, m) in enumerate(SHAPES):
        lines.append(f"const @w{i}: f32[{m},{c},3,3] = span(0, 0, {36 * c * m})")
        inputs.append(f"x{i}: f32[1,{c},{size},{size}]")
        outputs.append(f"y{i}")
        body.append(f"  y{i} = relu(conv(x{i}, @w{i}) <pads=[1, 1, 1, 1]>)")
    lines.append(f"graph main({', '.join(inputs)}) -> ({', '.join(outputs)}) {{")
    path = folder / "convolutions.ir"
    path.write_text("\n".join([*lines, *body, "}", ""]))
    return path


def measure(hone, path, threads):
    """{(size, channels, filters): (direct, winograd)}"""
    environment = {**os.environ, "HONE_COMPILE_MEASURE": "always",
                   "HONE_COMPILE_MEASURE_SECONDS": "60", "HONE_COMPILE_EXTRA_MEMORY": "1000"}
    made = subprocess.run([hone, "compile", path, "-o", path.with_suffix(".hone"), "--no-cache",
                           "--json", "--threads", str(threads)],
                          check=True, capture_output=True, env=environment)
    choices = json.loads(made.stdout)["results"][0]["choices"]
    times = {c["question"]: (c["seconds"]["direct"], c["seconds"]["winograd"]) for c in choices}
    return [times[f"conv 3x3 f32[1,{s},{s},{c}] filters={m} pads=1,1,1,1"] for s, c, m in SHAPES]


def features(size, c, m):
    """What the two functions multiply their constants with."""
    tiles = ((size + 3) // 4) ** 2
    rows, blocks = (tiles + 7) // 8 * 8, (tiles + 47) // 48
    return ({"kMac": 9 * size * size * c * m, "kWeight": 9 * c * m, "kTap": 9 * size * size},
            {"kMac": 36 * rows * c * m, "kIn": tiles * c, "kOut": tiles * m,
             "kWeight": 36 * blocks * c * m})


def fit(rows, seconds):
    """Constants of least relative error; none is negative."""
    names = list(rows[0])
    while True:
        matrix = numpy.array([[row[n] for n in names] for row in rows]) / seconds[:, None]
        found = numpy.linalg.lstsq(matrix, numpy.ones(len(rows)), rcond=None)[0]
        if (found >= 0).all():
            return dict(zip(names, found))
        names.pop(int(found.argmin()))


def estimate(constants, row):
    return sum(value * row[name] for name, value in constants.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("hone")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = model(arguments.folder)
    rounds = [measure(arguments.hone, path, arguments.threads) for _ in range(arguments.rounds)]
    times = numpy.array(rounds).min(axis=0)
    rows = [features(*shape) for shape in SHAPES]
    constants = [fit([row[way] for row in rows], times[:, way]) for way in (0, 1)]
    for name, found in zip(("direct_seconds", "winograd_seconds"), constants):
        print(name, ", ".join(f"{n} = {value:.2g}" for n, value in found.items()))
    wrong = lost = 0
    print(f"{'':>14}  direct  winograd  ratio  by rule  lost")
    for shape, row, (direct, winograd) in zip(SHAPES, rows, times):
        guess = estimate(constants[1], row[1]) / estimate(constants[0], row[0])
        ratio = winograd / direct
        loses = (guess < 1) != (ratio < 1)
        loss = max(ratio, 1 / ratio) - 1 if loses else 0
        wrong += loses
        lost = max(lost, loss)
        print(f"{shape[0]:>4},{shape[1]:>4},{shape[2]:>4} {direct * 1e6:>8.0f} {winograd * 1e6:>8.0f}"
              f" {ratio:>6.2f} {guess:>8.2f}  {f'{loss:.0%}' if loses else ''}")
    print(f"{wrong} of {len(SHAPES)} decided otherwise; at most {lost:.0%} lost")


if __name__ == "__main__":
    main()
