"""Prints the top-1 accuracy of saved logits with its 95 % Wilson interval.

    python3 accuracy.py out/output_0.npy labels.npy --at-least 0.95

Exit codes: 0 done, and the bound holds where one is asked for; 1 the lower end of the interval is
below the bound; 2 wrong usage; 3 an input that cannot be read or does not fit.
"""

import argparse
import json
import math
import sys

import numpy as np

Z_95 = 1.959963984540054  # two-sided 95 % point of the normal distribution


def wilson(right, count):
    """95 % Wilson score interval of a proportion (E. B. Wilson, 1927)."""
    share = right / count
    scale = 1 + Z_95 ** 2 / count
    centre = (share + Z_95 ** 2 / (2 * count)) / scale
    half = Z_95 * math.sqrt(share * (1 - share) / count + Z_95 ** 2 / (4 * count ** 2)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def load(logits_path, labels_path):
    """Reads logits [n, classes] and integer labels [n]; raises ValueError if they do not fit."""
    logits = np.load(logits_path, allow_pickle=False)
    labels = np.load(labels_path, allow_pickle=False)
    if logits.ndim != 2 or labels.ndim != 1 or len(logits) != len(labels) or not len(labels):
        raise ValueError(f"logits {logits.shape} and labels {labels.shape} do not fit; "
                         "expected [n, classes] and [n] with n > 0")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels are {labels.dtype}, expected integers")
    return logits, labels


def count_right(logits, labels):
    """Rows whose largest logit is the label's. A row that holds a NaN is wrong."""
    return int(((logits.argmax(axis=1) == labels) & ~np.isnan(logits).any(axis=1)).sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("logits", help=".npy file, [n, classes]")
    parser.add_argument("labels", help=".npy file, integers [n]")
    parser.add_argument("--at-least", type=float, metavar="SHARE",
                        help="exit 1 unless the lower end of the interval reaches this, in 0..1")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    arguments = parser.parse_args()
    bound = arguments.at_least
    if bound is not None and not 0 <= bound <= 1:
        parser.error("--at-least takes a share between 0 and 1")
    try:
        logits, labels = load(arguments.logits, arguments.labels)
    except (OSError, ValueError, EOFError) as error:
        print(f"accuracy.py: {error}", file=sys.stderr)
        return 3

    right, count = count_right(logits, labels), len(labels)
    low, high = wilson(right, count)
    holds = bound is None or low >= bound
    if arguments.json:
        report = {"top1": {"value": right / count, "low": low, "high": high}, "right": right,
                  "count": count}
        if bound is not None:
            report["at_least"] = {"bound": bound, "holds": holds}
        print(json.dumps(report))
    else:
        print(f"top-1 {right / count:.4f} ({right} of {count}), "
              f"95 % interval {low:.4f} to {high:.4f}")
        if bound is not None:
            print(f"at least {bound:g}: {'holds' if holds else 'does not hold'}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
