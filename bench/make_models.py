#!/usr/bin/python3
"""Writes ONNX models of published shapes with random weights, for benchmarks.

    /usr/bin/python3 bench/make_models.py OUT_DIR [NAME ...]

resnet18, resnet50   He et al. 2015; the latter in the variant v1.5
mobilenet_v2         Sandler et al. 2018
alexnet              Krizhevsky et al. 2012, in two groups
vgg19                Simonyan and Zisserman 2014
squeezenet           Iandola et al. 2016, version 1.0
densenet121          Huang et al. 2017
inception_v1         Szegedy et al. 2015
inception_v2         Ioffe and Szegedy 2015
shufflenet           Zhang et al. 2018, version 1, three groups
bert_base            Devlin et al. 2018, 12 layers, hidden 768, sequence 128, 110 M parameters
vit_b16              Dosovitskiy et al. 2020, 12 layers, hidden 768, patches of 16 x 16, 86 M parameters
gpt2                 Radford et al. 2019, 12 layers, hidden 768, 64 tokens, all logits, 124 M parameters
gpt2_step            the same, one token after 64, their keys and values as inputs
large                64 weights of 16 MB, 1 GB in all

Images are 224 x 224, alexnet's 227 x 227. Needs Debian's python3-onnx and python3-numpy. Weights are
seeded and of the size that keeps activations near one (He initialization), so that no denormal
numbers appear.
"""
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

import convolutional
import transformers
from builder import Builder


def large(path):
    b = Builder()
    x = "x"
    for _ in range(64):
        x = b.op("MatMul", x, b.weight(np.full((2048, 2048), 0.0005, np.float32)))
    b.save(path, [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2048])],
           [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 2048])])


MODELS = {name: getattr(module, name)
          for module, names in (
              (convolutional, ["resnet18", "resnet50", "mobilenet_v2", "alexnet", "vgg19",
                               "squeezenet", "densenet121", "inception_v1", "inception_v2",
                               "shufflenet"]),
              (transformers, ["bert_base", "vit_b16", "gpt2", "gpt2_step"]))
          for name in names} | {"large": large}

if __name__ == "__main__":
    if len(sys.argv) < 2 or any(name not in MODELS for name in sys.argv[2:]):
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for model in sys.argv[2:] or MODELS:
        MODELS[model](folder / f"{model}.onnx")
