#!/usr/bin/env python3
"""Runs recorded Hugging Face folders and compares with their recorded outputs.

    run_folders.py HONE CORPORA

CORPORA holds hf/ and expected/; without it, or without NumPy, the test is skipped. Keys and values
of decoders are kept in f32 for this, which the usual cache of f16 is compared with.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
except ImportError:
    np = None

PAGE = 64
TOLERANCE = 1e-4  # of the largest magnitude
CACHED = 4e-3     # the same with a cache of f16


def hone(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)


def run(program, model, inputs, folder, flags=()):
    command = [program, "run", model, "-o", folder, *flags]
    for name, value in inputs.items():
        np.save(folder / f"in_{name}.npy", value)
        command += ["--input", f"{name}={folder}/in_{name}.npy"]
    hone(*command)
    return [np.load(f) for f in sorted(folder.glob("output_*.npy"))]


def difference(got, want):
    """Relative to the largest magnitude."""
    return np.abs(got - want.reshape(got.shape)).max() / np.abs(want).max()


def check_decoder(program, model, ids, want, folder):
    places = np.arange(len(ids))
    pages = -(-len(ids) // PAGE)
    order = np.arange(pages)[::-1].copy()
    inputs = {"tokens": ids.astype(np.int64), "positions": places,
              "slots": order[places // PAGE] * PAGE + places % PAGE,
              "starts": np.array([0, len(ids)]), "lengths": np.array([len(ids)]),
              "table": order[None], "wanted": places}
    flags = ["--bind", f"pages={pages}"]
    usual = difference(run(program, model, inputs, folder, flags)[0], want)
    text = folder / "exact.ir"
    hone(program, "opt", model, "--pipeline", "sweep", "-o", text)
    text.write_text(text.read_text().replace("f16[pages", "f32[pages"))
    exact = difference(run(program, text, inputs, folder, flags)[0], want)
    return exact <= TOLERANCE and usual <= CACHED, f"{exact:.2g}, with a cache of f16 {usual:.2g}"


def check_bert(program, model, recorded, folder):
    inputs = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "token_type_ids"}
    got = run(program, model, {n: np.load(recorded / f"{f}.npy") for n, f in inputs.items()}, folder)
    off = [difference(g, np.load(recorded / f"{name}.npy"))
           for g, name in zip(got, ("last_hidden_state", "logits"), strict=True)]
    return max(off) <= TOLERANCE, ", ".join(f"{x:.2g}" for x in off)


def main():
    program, corpora = sys.argv[1], Path(sys.argv[2])
    if np is None or not (corpora / "hf").is_dir():
        print(f"skipped: there is no NumPy, or no {corpora}/hf")
        return 77
    gpt2, bert = corpora / "expected/hf/tiny-random-gpt2", corpora / "expected/hf/tiny-random-bert"
    stories = corpora / "expected/gguf/stories260K"
    cases = {
        "stories260K-safetensors": lambda model, folder: check_decoder(
            program, model, np.load(stories / "logits_ids.npy").ravel(),
            np.load(stories / "logits.npy"), folder),
        "tiny-random-gpt2": lambda model, folder: check_decoder(
            program, model, np.load(gpt2 / "ids.npy")[0], np.load(gpt2 / "logits.npy")[0], folder),
        "tiny-random-bert": lambda model, folder: check_bert(program, model, bert, folder),
    }
    failed = 0
    for name, check in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            same, off = check(corpora / "hf" / name, Path(folder))
        print(f"{name}: {'same' if same else 'DIFFERENT'}, off by {off} of the largest")
        failed += not same
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
