"""Judges the encoder of the zoo: hides tokens of the held-out text, and counts what is told right.

    python3 masked_text.py --out DIR                           writes the inputs
    hone run verses_bert --input input_ids=DIR/input_ids.npy \\
        --input attention_mask=DIR/attention_mask.npy \\
        --input token_type_ids=DIR/token_type_ids.npy -o DIR   computes logits
    python3 masked_text.py --out DIR --logits DIR/output_1.npy [--at-least 0.3]

Every seventh token of a window is hidden, beginning with the fourth; windows have 62 tokens of a
chapter between [CLS] and [SEP]. `--count` takes the first windows only. Needs NumPy. Exits 1 where
the lower end of the 95 % interval does not reach the bound.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import wordpiece
from accuracy import wilson
from verses import HELD_OUT_FILE

FOLDER = Path(__file__).resolve().parent / "verses_bert"
LENGTH, FIRST, EVERY = 64, 4, 7


def held_out_chapters():
    return [chapter.lstrip("\n") for chapter in HELD_OUT_FILE.read_text().split("\n\n")]


def windows(tokenizer, chapters):
    """Token ids i64 [n, LENGTH], with padding behind what is shorter."""
    rows = []
    for chapter in chapters:
        ids = tokenizer.encode(chapter)
        for at in range(0, len(ids), LENGTH - 2):
            row = [tokenizer.begin, *ids[at:at + LENGTH - 2], tokenizer.end]
            rows.append(row + [tokenizer.padding] * (LENGTH - len(row)))
    return np.array(rows)


def hidden(tokenizer, rows):
    """(inputs by name, where tokens are hidden)."""
    places = np.zeros(rows.shape, bool)
    places[:, FIRST::EVERY] = True
    places &= rows >= len(wordpiece.SPECIAL)
    return {"input_ids": np.where(places, tokenizer.mask, rows),
            "attention_mask": (rows != tokenizer.padding).astype(np.int64),
            "token_type_ids": np.zeros_like(rows)}, places


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the inputs")
    parser.add_argument("--count", type=int, help="number of windows; all by default")
    parser.add_argument("--logits", type=Path, help="f32 [n, 64, vocabulary] to judge")
    parser.add_argument("--at-least", type=float, default=0.0, metavar="SHARE",
                        help="exit 1 unless the lower end of the interval reaches this")
    arguments = parser.parse_args()
    tokenizer = wordpiece.Tokenizer.from_json(FOLDER / "tokenizer.json")
    rows = windows(tokenizer, held_out_chapters())[:arguments.count]
    inputs, places = hidden(tokenizer, rows)
    if arguments.logits is None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name, array in inputs.items():
            np.save(arguments.out / f"{name}.npy", array)
        print(f"{len(rows)} windows, {places.sum()} hidden tokens")
        return 0
    logits = np.load(arguments.logits, mmap_mode="r")
    if logits.shape != (*rows.shape, len(tokenizer.tokens)):
        print(f"masked_text.py: logits of {len(rows)} windows are "
              f"{[*rows.shape, len(tokenizer.tokens)]}, got {list(logits.shape)}", file=sys.stderr)
        return 3
    right, count = int((logits[places].argmax(axis=1) == rows[places]).sum()), int(places.sum())
    low, high = wilson(right, count)
    print(f"{right / count:.2%} of {count} hidden tokens told right, "
          f"95 % interval {low:.2%} to {high:.2%}")
    return 0 if low >= arguments.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
