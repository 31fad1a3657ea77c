"""Writes the held-out images that the models of the zoo are judged on.

    python3 evaluation_data.py --out DIR             all 10,500
    python3 evaluation_data.py --out DIR --count 200 the first 200, for a quick look

DIR/images.npy is f32 [N, 1, 28, 28] in [0, 1] and DIR/labels.npy int64 [N]. The order is fixed: one
UCI digit, then twenty drawn glyphs, and so on, so that a shorter set has the same mixture.
"""

import argparse
from pathlib import Path

import numpy as np

import glyphs

SEED = 2
GLYPHS_PER_DIGIT = 20


def sources():
    """All held-out images and labels by where they come from."""
    digits = glyphs.held_out_digits()
    drawn = glyphs.generate(len(digits[0]) * GLYPHS_PER_DIGIT, SEED)
    return {"UCI digits": digits, "drawn glyphs": drawn}


def held_out(count=None):
    """The first `count` held-out images and labels; all of them by default."""
    digits, digit_labels = glyphs.held_out_digits()
    total = len(digits) * (1 + GLYPHS_PER_DIGIT)
    count = total if count is None else count
    if not 0 < count <= total:
        raise ValueError(f"there are {total} held-out images; {count} were asked for")
    groups = -(-count // (1 + GLYPHS_PER_DIGIT))
    drawn, drawn_labels = glyphs.generate(groups * GLYPHS_PER_DIGIT, SEED)
    images = np.concatenate([digits[:groups, None], drawn.reshape(groups, GLYPHS_PER_DIGIT,
                                                                  *drawn.shape[1:])], axis=1)
    labels = np.concatenate([digit_labels[:groups, None],
                             drawn_labels.reshape(groups, GLYPHS_PER_DIGIT)], axis=1)
    return images.reshape(-1, *drawn.shape[1:])[:count], labels.reshape(-1)[:count]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--count", type=int, help="number of images; all 10,500 by default")
    arguments = parser.parse_args()
    try:
        images, labels = held_out(arguments.count)
    except ValueError as error:
        parser.error(str(error))
    arguments.out.mkdir(parents=True, exist_ok=True)
    np.save(arguments.out / "images.npy", images)
    np.save(arguments.out / "labels.npy", labels)
    print(f"{len(images)} images and labels in {arguments.out}")


if __name__ == "__main__":
    main()
