"""Writes the folder of one trained network: its files in three formats, test data and card."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from accuracy import wilson
from tensor_files import write_safetensors

OPSET = 17
TEST_BATCH = 4
INPUT, OUTPUT = "image", "logits"

CARD = """# {name}

A {title} that reads one digit from a 28x28 grey image. It is
small on purpose: it exists so that every path through a toolchain can be tried on a model with a
known accuracy.

| | |
|---|---|
| input | `image` f32 [batch, 1, 28, 28], ink bright, values in [0, 1] |
| output | `logits` f32 [batch, 10], one per digit |
| parameters | {parameters} |
| top-1 | {accuracy:.2%}, {right} of {count} held-out images |
| 95 % Wilson interval | {low:.2%} to {high:.2%} |
| licence | Apache-2.0 |

## Architecture

| layer | output | parameters |
|---|---|---|
{rows}

Parameters count what training adjusts; the statistics of batch normalization are not among them.

## Data

- Drawn glyphs: images made by `glyphs.py` from strokes that this project describes.
- UCI digits: the 1,797 images of the test part of *Optical Recognition of Handwritten Digits*
  (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0), as scikit-learn
  ships them, enlarged from 8x8 to 28x28. The last 500 are held out and lie in
  `data/digits_heldout.npz`.

| source | training | held out | right | top-1 | 95 % interval |
|---|---|---|---|---|---|
{sources}

Training shows the real digits several times over under small shifts. No held-out image was used to
train or to choose settings; those were chosen on glyphs of seed 3.

## Files

| file | what |
|---|---|
| `model.onnx` | opset {opset}, symbolic dimension `batch`, nothing folded or fused |
| `model.pt` | the `state_dict` by `torch.save` |
| `model.safetensors` | the same tensors |
| `test_data_set_0/` | a batch of {batch} held-out images and the logits that PyTorch gives |

## Training again

    python3 train.py {name}

{epochs} epochs, batch {train_batch}, AdamW with a one-cycle schedule up to {rate}, glyphs of
seed 1, weights of seed {seed}, one thread. Drawn data is the same on every machine; trained weights
differ slightly between versions of PyTorch and between processors.

## Limits of use

For testing tools, not for reading documents. It knows ten digits, one to an image, bright on dark,
upright to within about 25 degrees; it has no class for anything else and answers with a digit
whatever it is shown. Most of its data is drawn by a program, so the accuracy above says little
about real handwriting beyond the UCI digits, and its confidence is not calibrated.
"""


def write_onnx(path, network):
    """Exports without folding, so that batch normalization and transposes of weights remain."""
    torch.onnx.export(
        network, torch.zeros(TEST_BATCH, 1, 28, 28), str(path), opset_version=OPSET,
        # PRESERVE keeps batch normalization apart; EVAL would merge it into the convolutions.
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        input_names=[INPUT], output_names=[OUTPUT],
        dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}})
    model = onnx.load(str(path))
    # The exporter notes the source line of every node, which names folders of the machine.
    model.doc_string = ""
    model.graph.doc_string = ""
    model.graph.name = path.parent.name
    for node in model.graph.node:
        node.ClearField("doc_string")
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def write_test_data(folder, network, images):
    """Writes an input and the output that PyTorch computes for it, as ONNX's test runner wants."""
    folder.mkdir(exist_ok=True)
    with torch.no_grad():
        logits = network(torch.from_numpy(images)).numpy()
    for file, array, name in (("input_0.pb", images, INPUT), ("output_0.pb", logits, OUTPUT)):
        (folder / file).write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def parameter_count(network, owners):
    """Number of trained values in the named modules or parameters."""
    return sum(parameter.numel() for name, parameter in network.named_parameters()
               if any(name == owner or name.startswith(owner + ".") for owner in owners))


def card_text(name, network, held_out, logits, settings):
    """The model card. `held_out` and `logits` hold one entry per source of images."""
    right = {source: int((logits[source].argmax(axis=1) == labels).sum())
             for source, (_, labels) in held_out.items()}
    counts = {source: len(labels) for source, (_, labels) in held_out.items()}
    training = {"UCI digits": settings["digits"], "drawn glyphs": settings["glyphs"]}
    sources = []
    for source, hits in right.items():
        low, high = wilson(hits, counts[source])
        sources.append(f"| {source} | {training[source]:,} | {counts[source]:,} | {hits:,} | "
                       f"{hits / counts[source]:.2%} | {low:.2%} to {high:.2%} |")
    rows = [f"| {layer} | {output} | {parameter_count(network, owners):,} |"
            for layer, output, owners in network.rows]
    total = sum(p.numel() for p in network.parameters())
    assert total == sum(parameter_count(network, owners) for _, _, owners in network.rows)
    hits, count = sum(right.values()), sum(counts.values())
    low, high = wilson(hits, count)
    return CARD.format(
        name=name, title=network.title, parameters=f"{total:,}", right=f"{hits:,}",
        count=f"{count:,}", accuracy=hits / count, low=low, high=high, rows="\n".join(rows),
        sources="\n".join(sources), opset=OPSET, batch=TEST_BATCH, epochs=settings["epochs"],
        train_batch=settings["batch"], rate=settings["rate"], seed=settings["seed"])


def write_folder(folder, network, held_out, logits, settings):
    """Writes everything that belongs to one network in evaluation mode."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    torch.save(network.state_dict(), folder / "model.pt")
    write_safetensors(folder / "model.safetensors",
                      {name: value.numpy() for name, value in network.state_dict().items()})
    write_onnx(folder / "model.onnx", network)
    half = TEST_BATCH // 2
    sample = np.concatenate([images[:half] for images, _ in held_out.values()])
    write_test_data(folder / "test_data_set_0", network, sample)
    (folder / "card.md").write_text(card_text(folder.name, network, held_out, logits, settings))
