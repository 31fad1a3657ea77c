"""Trains the networks of the zoo and writes their folders: model files, test data and card.

    python3 train.py                     both networks, about 18 minutes on one core
    python3 train.py digits_cnn          one of them
    python3 train.py --export-only       rewrites the other files from the committed model.pt

Training data: glyphs of seed 1 and the UCI digits that `data/digits_heldout.npz` does not hold.
Progress is judged on glyphs of seed 3; the held-out set (seed 2) is only used for the card.
Needs the Debian packages python3-torch, python3-onnx and python3-sklearn.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

import evaluation_data
import export
import glyphs
from networks import DigitsCnn, DigitsVit

ZOO = Path(__file__).resolve().parent
ALL_DIGITS, HELD_OUT = 1797, 500  # the UCI digits, and how many of the last are held out
TRAINING_SEED, VALIDATION_SEED, WEIGHT_SEED = 1, 3, 7
TRAINING_GLYPHS, VALIDATION_GLYPHS = 100_000, 2_000
DIGIT_COPIES = 8  # the real digits are few, so each is shown under several small shifts
BATCH = 128

NETWORKS = {
    "digits_cnn": {"network": DigitsCnn, "epochs": 3, "rate": 6e-3},
    "digits_vit": {"network": DigitsVit, "epochs": 10, "rate": 2e-3},
}


def split_digits():
    """The UCI digits as u8 [n, 8, 8] with labels: (training images, labels), (held-out ...)."""
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    return (images[:-HELD_OUT], labels[:-HELD_OUT]), (images[-HELD_OUT:], labels[-HELD_OUT:])


def write_held_out_digits():
    """Writes the held-out digits where glyphs.py reads them."""
    _, (images, labels) = split_digits()
    glyphs.HELD_OUT_DIGITS.parent.mkdir(exist_ok=True)
    np.savez_compressed(glyphs.HELD_OUT_DIGITS, images=images, labels=labels)


def shifted_digits(generator):
    """The training digits, enlarged, several times over under shifts of up to three pixels."""
    (images, labels), _ = split_digits()
    images = glyphs.enlarge(images)
    copies = []
    for _ in range(DIGIT_COPIES):
        padded = np.pad(images, [(0, 0), (0, 0), (3, 3), (3, 3)])
        corners = generator.integers(0, 7, size=(len(images), 2))
        copies.append(np.stack([image[:, y:y + glyphs.SIDE, x:x + glyphs.SIDE]
                                for image, (y, x) in zip(padded, corners)]))
    return np.concatenate(copies), np.tile(labels.astype(np.int64), DIGIT_COPIES)


def to_bytes(images):
    """Grey levels u8 as a tensor: a quarter of the memory, and exact, as pixels are n / 255."""
    return torch.from_numpy(np.rint(images * 255).astype(np.uint8))


def training_data():
    """All training images u8 [n, 1, 28, 28] and labels int64 [n]."""
    drawn, drawn_labels = glyphs.generate(TRAINING_GLYPHS, TRAINING_SEED)
    real, real_labels = shifted_digits(np.random.default_rng(TRAINING_SEED))
    images = torch.cat([to_bytes(drawn), to_bytes(real)])
    return images, torch.from_numpy(np.concatenate([drawn_labels, real_labels]))


def predict(network, images):
    """Logits of images f32, in batches."""
    network.eval()
    with torch.no_grad():
        return torch.cat([network(batch) for batch in torch.from_numpy(images).split(500)]).numpy()


def train(name, images, labels, validation):
    """Trains one network from a fixed seed and returns it in evaluation mode."""
    settings = NETWORKS[name]
    torch.manual_seed(WEIGHT_SEED)
    network = settings["network"]()
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings["rate"], weight_decay=0.02)
    steps = settings["epochs"] * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings["rate"], total_steps=steps,
                                                   pct_start=0.15)
    began = time.monotonic()
    for epoch in range(settings["epochs"]):
        network.train()
        total = 0.0
        batches = torch.randperm(len(images))[:len(images) // BATCH * BATCH].split(BATCH)
        for batch in batches:
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(images[batch].float() / 255), labels[batch])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        right = (predict(network, validation[0]).argmax(axis=1) == validation[1]).mean()
        print(f"{name} epoch {epoch + 1}: loss {total / len(batches):.4f}, "
              f"validation {right:.4f}, {time.monotonic() - began:.0f} s", flush=True)
    return network.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", help=f"networks to train: {', '.join(NETWORKS)}")
    parser.add_argument("--export-only", action="store_true", help="do not train")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in NETWORKS:
            parser.error(f"unknown network {name}; there are {', '.join(NETWORKS)}")
    torch.set_num_threads(1)
    if not arguments.export_only:
        write_held_out_digits()
        images, labels = training_data()
        validation = glyphs.generate(VALIDATION_GLYPHS, VALIDATION_SEED)
    held_out = evaluation_data.sources()
    for name in arguments.names or NETWORKS:
        folder = ZOO / name
        if arguments.export_only:
            network = NETWORKS[name]["network"]()
            network.load_state_dict(torch.load(folder / "model.pt"))
            network.eval()
        else:
            network = train(name, images, labels, validation)
        logits = {source: predict(network, drawn) for source, (drawn, _) in held_out.items()}
        export.write_folder(folder, network, held_out, logits, {
            "epochs": NETWORKS[name]["epochs"], "batch": BATCH, "rate": NETWORKS[name]["rate"],
            "seed": WEIGHT_SEED, "glyphs": TRAINING_GLYPHS, "digits": ALL_DIGITS - HELD_OUT})


if __name__ == "__main__":
    main()
