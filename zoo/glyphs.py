"""Draws images of handwritten-looking digits from our own stroke descriptions.

Every digit has several styles, each a path in a small SVG-like language. An image is one path under
a random bend, rotation, shear, scale and shift, drawn with a random pen, then blurred, dimmed,
partly erased and covered with noise and stray strokes. Nothing is read from disk, so a seed is all
that is needed to name a data set.

The result is the same, bit for bit, on every machine: random numbers are the raw output of PCG64,
which NumPy keeps stable, and the pixels come from additions, multiplications, divisions and square
roots only, which IEEE 754 defines exactly. No sum is reduced by NumPy, because the order of such a
sum depends on the processor. Image i of a seed does not depend on how many images are asked for.

    python3 glyphs.py --count 10000 --seed 2 --images images.npy --labels labels.npy

The held-out part of the UCI digits, which needs the same 28x28 frame, is read and enlarged here.
"""

import argparse
from pathlib import Path

import numpy as np

SIDE = 28
CLASSES = 10
CURVE_STEPS = 5  # straight pieces per Bezier curve
CHUNK = 50  # images drawn together; affects speed and memory, never the result
HELD_OUT_DIGITS = Path(__file__).resolve().parent / "data" / "digits_heldout.npz"

# One list of styles per digit, in a unit square with x to the right and y downwards.
#   M x y              lift the pen and move
#   L x y              straight line
#   C x1 y1 x2 y2 x y  cubic Bezier curve
#   O cx cy rx ry      closed ellipse
STYLES = [
    [  # 0
        "O .5 .5 .28 .42",
        "O .5 .5 .19 .43",
        "O .5 .5 .27 .41 M .34 .76 L .66 .24",
        "M .62 .1 C .2 .0 .15 .95 .5 .92 C .85 .9 .85 .2 .5 .12",
    ],
    [  # 1
        "M .5 .06 L .5 .94",
        "M .34 .24 L .54 .06 L .54 .94",
        "M .34 .24 L .52 .06 L .52 .94 M .32 .94 L .72 .94",
        "M .38 .2 C .46 .18 .5 .14 .54 .06 L .5 .94",
    ],
    [  # 2
        "M .24 .28 C .26 -.02 .78 -.02 .76 .28 C .74 .5 .4 .68 .22 .94 L .8 .94",
        "M .26 .26 C .3 .0 .76 .0 .72 .32 C .68 .6 .46 .84 .3 .9 C .14 .94 .2 .7 .38 .8"
        " C .54 .9 .64 1. .82 .84",
        "M .24 .12 L .72 .1 L .72 .46 L .26 .5 L .26 .9 L .76 .9",
        "M .26 .16 C .5 .02 .74 .06 .72 .28 L .22 .92 L .78 .9",
    ],
    [  # 3
        "M .26 .16 C .4 .0 .76 .02 .74 .26 C .72 .46 .52 .46 .44 .47"
        " C .56 .46 .8 .5 .78 .72 C .74 1. .34 .98 .22 .82",
        "M .26 .08 L .74 .08 L .46 .42 C .86 .4 .86 .92 .48 .93 C .36 .94 .28 .88 .22 .82",
        "M .26 .1 L .72 .1 L .72 .9 L .26 .9 M .36 .5 L .72 .5",
        "M .3 .1 C .6 .02 .76 .14 .7 .28 C .66 .4 .54 .44 .4 .46 C .66 .5 .74 .6 .72 .74"
        " C .68 .94 .44 .96 .28 .92",
    ],
    [  # 4
        "M .34 .08 L .24 .58 L .8 .58 M .64 .3 L .6 .94",
        "M .64 .94 L .64 .06 L .2 .66 L .84 .66",
        "M .28 .08 L .28 .5 L .72 .5 M .72 .08 L .72 .92",
        "M .3 .1 C .2 .5 .24 .56 .4 .55 C .56 .54 .66 .44 .7 .3 M .72 .08 L .66 .94",
    ],
    [  # 5
        "M .74 .08 L .34 .08 L .3 .46 C .5 .34 .78 .42 .78 .66 C .78 .98 .36 1. .22 .82",
        "M .36 .12 L .32 .46 C .5 .36 .74 .44 .74 .68 C .72 .96 .4 .96 .24 .86 M .36 .08 L .8 .06",
        "M .74 .1 L .28 .1 L .28 .48 L .72 .5 L .72 .9 L .26 .9",
        "M .74 .12 C .5 .04 .34 .1 .34 .3 C .34 .46 .76 .48 .74 .72 C .72 .96 .4 .96 .24 .86",
    ],
    [  # 6
        "M .66 .06 C .4 .2 .24 .46 .24 .68 C .24 1.02 .78 1.02 .78 .7 C .78 .42 .34 .42 .26 .66",
        "M .62 .06 L .28 .6 O .5 .7 .24 .23",
        "M .7 .1 L .28 .1 L .28 .9 L .72 .9 L .72 .5 L .28 .5",
        "M .44 .06 C .24 .4 .24 .94 .5 .94 C .74 .94 .74 .6 .54 .58 C .42 .58 .34 .7 .34 .82",
    ],
    [  # 7
        "M .22 .1 L .78 .1 L .42 .94",
        "M .22 .1 L .78 .1 L .42 .94 M .36 .5 L .74 .5",
        "M .22 .16 C .36 .06 .6 .14 .78 .08 C .64 .4 .5 .6 .46 .94",
        "M .24 .26 L .24 .1 L .76 .1 C .7 .4 .5 .6 .5 .94",
    ],
    [  # 8
        "O .5 .28 .2 .2 O .5 .71 .26 .23",
        "M .72 .18 C .6 .0 .26 .06 .3 .28 C .34 .5 .76 .5 .76 .74 C .74 1. .26 1. .26 .74"
        " C .26 .5 .7 .44 .72 .18",
        "M .28 .1 L .72 .1 L .72 .9 L .28 .9 L .28 .1 M .28 .5 L .72 .5",
        "O .5 .28 .14 .2 O .5 .71 .17 .23",
    ],
    [  # 9
        "O .48 .3 .24 .23 M .72 .3 C .72 .6 .66 .8 .56 .94",
        "M .72 .22 C .6 .0 .24 .06 .26 .32 C .28 .56 .7 .54 .72 .24 L .7 .94",
        "M .72 .28 C .72 .0 .24 .0 .24 .3 C .24 .58 .7 .56 .72 .28 C .78 .7 .62 1. .28 .88",
        "M .72 .5 L .28 .5 L .28 .1 L .72 .1 L .72 .9 L .3 .9",
    ],
]
STYLES_PER_DIGIT = 4

# The random numbers that shape one image, in order. One more for the noise of each pixel follows.
CLUTTER_STROKES = 2
DRAWS = (
    ["digit", "style", "turn", "shear", "width", "height", "shift_x", "shift_y"]
    + [f"bend_{i}" for i in range(6)]
    + ["pen", "softness", "blur", "paper", "ink", "slope_x", "slope_y", "noise"]
    + ["gap", "gap_x", "gap_y", "gap_turn", "gap_width"]
    + [f"stray_{i}_{part}" for i in range(CLUTTER_STROKES)
       for part in ("present", "x", "y", "dx", "dy", "pen", "ink")]
)


def flatten_path(path):
    """Turns a path into straight segments, an array [n, 4] of (x0, y0, x1, y1)."""
    tokens = path.split()
    segments = []
    at = (0.0, 0.0)
    position = 0

    def numbers(count):
        nonlocal position
        values = [float(token) for token in tokens[position:position + count]]
        position += count
        return values

    def curve(start, control_1, control_2, end):
        last = start
        for step in range(1, CURVE_STEPS + 1):
            t = step / CURVE_STEPS
            s = 1.0 - t
            point = tuple(s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d
                          for a, b, c, d in zip(start, control_1, control_2, end))
            segments.append(last + point)
            last = point

    while position < len(tokens):
        command = tokens[position]
        position += 1
        if command == "M":
            at = tuple(numbers(2))
        elif command == "L":
            end = tuple(numbers(2))
            segments.append(at + end)
            at = end
        elif command == "C":
            x1, y1, x2, y2, x, y = numbers(6)
            curve(at, (x1, y1), (x2, y2), (x, y))
            at = (x, y)
        elif command == "O":
            cx, cy, rx, ry = numbers(4)
            kx, ky = 0.5523 * rx, 0.5523 * ry  # four curves that follow an ellipse closely
            right, bottom, left, top = (cx + rx, cy), (cx, cy + ry), (cx - rx, cy), (cx, cy - ry)
            curve(right, (cx + rx, cy + ky), (cx + kx, cy + ry), bottom)
            curve(bottom, (cx - kx, cy + ry), (cx - rx, cy + ky), left)
            curve(left, (cx - rx, cy - ky), (cx - kx, cy - ry), top)
            curve(top, (cx + kx, cy - ry), (cx + rx, cy - ky), right)
        else:
            raise ValueError(f"unknown path command {command!r} in {path!r}")
    return np.array(segments, dtype=np.float64)


def build_templates():
    """All styles as one array [10 * styles, segments, 4]; short paths repeat their last segment."""
    paths = [flatten_path(path) for styles in STYLES for path in styles]
    longest = max(len(path) for path in paths)
    return np.stack([path[np.minimum(np.arange(longest), len(path) - 1)] for path in paths])


TEMPLATES = build_templates()


def distance_squared(segments):
    """Squared distance in pixels from every pixel to the nearest segment.

    segments: [images, n, 4] in pixel coordinates. Returns f32 [images, 28, 28].
    """
    segments = segments.astype(np.float32)
    grid = np.arange(SIDE, dtype=np.float32)
    nearest = np.full((len(segments), SIDE, SIDE), 1e6, dtype=np.float32)
    for index in range(segments.shape[1]):
        x0, y0, x1, y1 = (segments[:, index, i, None, None] for i in range(4))
        dx, dy = x1 - x0, y1 - y0
        length = np.maximum(dx * dx + dy * dy, np.float32(1e-6))
        px = grid[None, None, :] - x0
        py = grid[None, :, None] - y0
        along = np.clip(px * (dx / length) + py * (dy / length), 0, 1)
        ex = px - along * dx
        ey = py - along * dy
        np.minimum(nearest, ex * ex + ey * ey, out=nearest)
    return nearest


def stroke(segments, pen, softness):
    """Ink in [0, 1] that a pen leaves; its width and that of its soft edge are in pixels."""
    distance = np.sqrt(distance_squared(segments))
    pen, softness = (v.astype(np.float32)[:, None, None] for v in (pen, softness))
    return np.clip((pen / 2 - distance) / softness + np.float32(0.5), 0, 1)


def blur(image, amount):
    """Mixes every pixel with its neighbours, first along rows, then along columns."""
    amount = amount.astype(np.float32)[:, None, None]
    for axis in (1, 2):
        pad = [(0, 0), (0, 0), (0, 0)]
        pad[axis] = (1, 1)
        padded = np.pad(image, pad, mode="edge")
        before = padded[:, :-2, :] if axis == 1 else padded[:, :, :-2]
        after = padded[:, 2:, :] if axis == 1 else padded[:, :, 2:]
        image = image * (1 - amount) + (before + after) * (amount / 2)
    return image


def rotation(turn):
    """Cosine and sine of the angle whose half has the tangent `turn`, without a math library."""
    scale = 1.0 + turn * turn
    return (1.0 - turn * turn) / scale, 2.0 * turn / scale


def place(segments, draw):
    """Bends, turns, shears, scales and shifts segments from the unit square into the image."""

    def spread(name, low, high):
        return (low + (high - low) * draw[name])[:, None, None]

    points = segments.reshape(len(segments), -1, 2) - 0.5
    x, y = points[:, :, 0:1], points[:, :, 1:2]
    bends = [spread(f"bend_{i}", -0.34, 0.34) for i in range(6)]
    x, y = (x + bends[0] * x * x + bends[1] * x * y + bends[2] * y * y,
            y + bends[3] * x * x + bends[4] * x * y + bends[5] * y * y)
    x = x * spread("width", 14.0, 26.0)
    y = y * spread("height", 15.0, 25.0)
    x = x - y * spread("shear", -0.35, 0.35)
    cosine, sine = rotation(spread("turn", -0.2, 0.2))  # up to 22.6 degrees either way
    x, y = x * cosine - y * sine, x * sine + y * cosine
    x = x + (SIDE - 1) / 2 + spread("shift_x", -3.5, 3.5)
    y = y + (SIDE - 1) / 2 + spread("shift_y", -3.0, 3.0)
    return np.concatenate([x, y], axis=2).reshape(segments.shape)


def stray_strokes(draw, index):
    """Segments, pen widths and ink of one stray stroke per image; absent ones get no ink."""
    part = {name: draw[f"stray_{index}_{name}"]
            for name in ("present", "x", "y", "dx", "dy", "pen", "ink")}
    x = part["x"] * (SIDE - 1)
    y = part["y"] * (SIDE - 1)
    segment = np.stack([x, y, x + 16 * part["dx"] - 8, y + 16 * part["dy"] - 8], axis=1)
    ink = np.where(part["present"] < 0.3, 0.3 + 0.6 * part["ink"], 0.0)
    return segment[:, None, :], 0.6 + 1.6 * part["pen"], ink.astype(np.float32)[:, None, None]


def draw_chunk(raw):
    """Draws images from raw 64-bit random numbers [images, draws + pixels]."""
    uniform = (raw >> np.uint64(11)) * (1.0 / (1 << 53))
    draw = {name: uniform[:, i] for i, name in enumerate(DRAWS)}
    noise = uniform[:, len(DRAWS):].astype(np.float32).reshape(-1, SIDE, SIDE)

    labels = (draw["digit"] * CLASSES).astype(np.int64)
    styles = (draw["style"] * STYLES_PER_DIGIT).astype(np.int64)
    segments = place(TEMPLATES[labels * STYLES_PER_DIGIT + styles], draw)
    softness = 0.8 + 1.4 * draw["softness"]
    image = stroke(segments, 1.2 + 2.6 * draw["pen"], softness)

    # Sometimes a band is wiped out, as by a fold in the paper.
    cosine, sine = rotation(2.0 * draw["gap_turn"] - 1.0)
    x, y = draw["gap_x"] * (SIDE - 1), draw["gap_y"] * (SIDE - 1)
    band = np.stack([x - 9 * cosine, y - 9 * sine, x + 9 * cosine, y + 9 * sine], axis=1)
    wiped = stroke(band[:, None, :], 1.5 + 2.5 * draw["gap_width"], softness)
    wiped *= np.where(draw["gap"] < 0.3, 0.9, 0.0).astype(np.float32)[:, None, None]
    image = image * (1 - wiped)

    for index in range(CLUTTER_STROKES):
        segment, pen, ink = stray_strokes(draw, index)
        image = np.maximum(image, stroke(segment, pen, softness) * ink)
    image = blur(image, 0.6 * draw["blur"])

    def spread(name, low, high):
        return (low + (high - low) * draw[name]).astype(np.float32)[:, None, None]

    ramp = np.arange(SIDE, dtype=np.float32) / (SIDE - 1) - np.float32(0.5)
    paper = spread("paper", 0.0, 0.25) + spread("slope_x", -0.2, 0.2) * ramp[None, None, :]
    paper = paper + spread("slope_y", -0.2, 0.2) * ramp[None, :, None]
    image = paper + image * (spread("ink", 0.45, 1.0) - paper)
    image = image + (noise - np.float32(0.5)) * spread("noise", 0.0, 0.55)
    # 256 grey levels, as a camera would give.
    levels = np.floor(np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5))
    return (levels / np.float32(255))[:, None, :, :], labels


def generate(count, seed):
    """Returns `count` images f32 [count, 1, 28, 28] in [0, 1] and their labels int64 [count]."""
    source = np.random.PCG64(seed)
    images = np.empty((count, 1, SIDE, SIDE), dtype=np.float32)
    labels = np.empty(count, dtype=np.int64)
    width = len(DRAWS) + SIDE * SIDE
    for start in range(0, count, CHUNK):
        end = min(start + CHUNK, count)
        raw = source.random_raw((end - start) * width).reshape(end - start, width)
        images[start:end], labels[start:end] = draw_chunk(raw)
    return images, labels


def enlarge(images):
    """Bilinear enlargement of u8 [n, 8, 8] with values 0..16 to f32 [n, 1, 28, 28] in [0, 1]."""
    small = images.shape[1]
    centre = np.clip((np.arange(SIDE) + 0.5) * (small / SIDE) - 0.5, 0, small - 1)
    low = np.minimum(centre.astype(np.int64), small - 2)
    weight = (centre - low).astype(np.float32)
    image = images.astype(np.float32) / np.float32(16)
    rows = image[:, low, :] * (1 - weight)[:, None] + image[:, low + 1, :] * weight[:, None]
    both = rows[:, :, low] * (1 - weight) + rows[:, :, low + 1] * weight
    levels = np.floor(both * np.float32(255) + np.float32(0.5))
    return (levels / np.float32(255))[:, None, :, :]


def held_out_digits():
    """The UCI digits that no model here was trained on, as images and labels like `generate`."""
    with np.load(HELD_OUT_DIGITS) as archive:
        return enlarge(archive["images"]), archive["labels"].astype(np.int64)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=10000, help="number of images")
    parser.add_argument("--seed", type=int, default=2, help="names the data set (training uses 1)")
    parser.add_argument("--images", type=Path, required=True, help="f32 [N, 1, 28, 28] to write")
    parser.add_argument("--labels", type=Path, required=True, help="int64 [N] to write")
    arguments = parser.parse_args()
    if arguments.count < 1 or arguments.seed < 0:
        parser.error("--count takes a positive number and --seed one that is not negative")
    images, labels = generate(arguments.count, arguments.seed)
    np.save(arguments.images, images)
    np.save(arguments.labels, labels)


if __name__ == "__main__":
    main()
