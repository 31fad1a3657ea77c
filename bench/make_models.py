#!/usr/bin/python3
"""Writes ONNX models of published shapes with random weights, for benchmarks.

    /usr/bin/python3 bench/make_models.py OUT_DIR [NAME ...]

resnet18   He et al. 2015, 224 x 224, 1.82 GMAC, 11.7 M parameters
bert_base  Devlin et al. 2018, 12 layers, hidden 768, sequence 128, 110 M parameters
vit_b16    Dosovitskiy et al. 2020, 12 layers, hidden 768, patches of 16 x 16, 86 M parameters
gpt2       Radford et al. 2019, 12 layers, hidden 768, 64 tokens, all logits, 124 M parameters
large      64 weights of 16 MB, 1 GB in all

Needs Debian's python3-onnx and python3-numpy. Weights are seeded and of the size that keeps
activations near one (He initialization), so that no denormal numbers appear.
"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """Collects nodes and weights of one graph."""

    def __init__(self, seed=1):
        self.nodes, self.weights = [], []
        self.random = np.random.default_rng(seed)
        self.count = 0

    def weight(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def normal(self, *shape, fan_in=None):
        scale = np.sqrt(2.0 / (fan_in or shape[0]))
        return self.weight((self.random.standard_normal(shape) * scale).astype(np.float32))

    def constant(self, value, *shape):
        return self.weight(np.full(shape, value, np.float32))

    def integers(self, *values):
        return self.weight(np.array(values, np.int64))

    def op(self, kind, *inputs, **attributes):
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], f"{kind}_{self.count}",
                                           **attributes))
        return name

    def save(self, path, inputs, outputs):
        graph = helper.make_graph(self.nodes, path.stem, inputs, outputs, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)],
                                  producer_name="hone bench")
        model.ir_version = 8
        onnx.save(model, str(path))
        print(path, path.stat().st_size, "bytes")


def resnet18(path):
    b = Builder()

    def conv(x, cin, cout, size, stride):
        y = b.op("Conv", x, b.normal(cout, cin, size, size, fan_in=cin * size * size),
                 kernel_shape=[size, size], strides=[stride, stride], pads=[size // 2] * 4)
        return b.op("BatchNormalization", y, b.constant(1, cout), b.constant(0, cout),
                    b.constant(0, cout), b.constant(1, cout))

    x = b.op("Relu", conv("image", 3, 64, 7, 2))
    x = b.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for width, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                          (512, 1)]:
        y = b.op("Relu", conv(x, channels, width, 3, stride))
        y = conv(y, width, width, 3, 1)
        if stride != 1 or channels != width:
            x = conv(x, channels, width, 1, stride)
        x = b.op("Relu", b.op("Add", y, x))
        channels = width
    x = b.op("Flatten", b.op("GlobalAveragePool", x))
    x = b.op("Gemm", x, b.normal(1000, 512, fan_in=512), b.constant(0, 1000), transB=1)
    b.save(path, [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 224, 224])],
           [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 1000])])


def attention_heads(b, q, k, v, length, heads, size, mask=None):
    """Of [1, length, heads * size] each, as exporters spell it."""
    split = b.integers(1, length, heads, size)
    q, k, v = (b.op("Transpose", b.op("Reshape", x, split), perm=perm)
               for x, perm in ((q, [0, 2, 1, 3]), (k, [0, 2, 3, 1]), (v, [0, 2, 1, 3])))
    scores = b.op("Div", b.op("MatMul", q, k), b.weight(np.array(size**0.5, np.float32)))
    if mask is not None:
        scores = b.op("Add", scores, mask)
    mixed = b.op("MatMul", b.op("Softmax", scores, axis=-1), v)
    return b.op("Reshape", b.op("Transpose", mixed, perm=[0, 2, 1, 3]),
                b.integers(1, length, heads * size))


def bert_base(path, layers=12, hidden=768, heads=12, length=128, vocabulary=30522):
    b = Builder()

    def dense(x, n_in, n_out):
        return b.op("Add", b.op("MatMul", x, b.normal(n_in, n_out, fan_in=2 * n_in)),
                    b.constant(0, n_out))

    def layer_norm(x):
        # As PyTorch exports it before opset 17.
        centred = b.op("Sub", x, b.op("ReduceMean", x, axes=[-1]))
        variance = b.op("ReduceMean", b.op("Pow", centred, b.weight(np.array(2, np.float32))),
                        axes=[-1])
        deviation = b.op("Sqrt", b.op("Add", variance, b.weight(np.array(1e-12, np.float32))))
        y = b.op("Mul", b.op("Div", centred, deviation), b.constant(1, hidden))
        return b.op("Add", y, b.constant(0, hidden))

    def gelu(x):
        t = b.op("Erf", b.op("Div", x, b.weight(np.array(2**0.5, np.float32))))
        t = b.op("Add", t, b.weight(np.array(1, np.float32)))
        return b.op("Mul", b.op("Mul", x, t), b.weight(np.array(0.5, np.float32)))

    words = b.op("Gather", b.normal(vocabulary, hidden), "ids")
    x = layer_norm(b.op("Add", words, b.normal(1, length, hidden)))
    size = hidden // heads
    for _ in range(layers):
        q, k, v = (dense(x, hidden, hidden) for _ in range(3))
        mixed = attention_heads(b, q, k, v, length, heads, size)
        x = layer_norm(b.op("Add", dense(mixed, hidden, hidden), x))
        inner = gelu(dense(x, hidden, 4 * hidden))
        x = layer_norm(b.op("Add", dense(inner, 4 * hidden, hidden), x))
    b.save(path, [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, length])],
           [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, length, hidden])])


def vit_b16(path, layers=12, hidden=768, heads=12, patch=16, image=224, classes=1000):
    b = Builder()

    def dense(x, n_in, n_out):
        return b.op("Add", b.op("MatMul", x, b.normal(n_in, n_out, fan_in=2 * n_in)),
                    b.constant(0, n_out))

    def layer_norm(x):
        return b.op("LayerNormalization", x, b.constant(1, hidden), b.constant(0, hidden),
                    epsilon=1e-6)

    def gelu(x):
        t = b.op("Erf", b.op("Div", x, b.weight(np.array(2**0.5, np.float32))))
        t = b.op("Add", t, b.weight(np.array(1, np.float32)))
        return b.op("Mul", b.op("Mul", x, t), b.weight(np.array(0.5, np.float32)))

    count = (image // patch) ** 2
    x = b.op("Conv", "image", b.normal(hidden, 3, patch, patch, fan_in=3 * patch * patch),
             b.constant(0, hidden), kernel_shape=[patch, patch], strides=[patch, patch])
    x = b.op("Transpose", b.op("Reshape", x, b.integers(1, hidden, count)), perm=[0, 2, 1])
    x = b.op("Concat", b.normal(1, 1, hidden), x, axis=1)
    length = count + 1
    x = b.op("Add", x, b.normal(1, length, hidden, fan_in=2))
    for _ in range(layers):
        y = layer_norm(x)
        q, k, v = (dense(y, hidden, hidden) for _ in range(3))
        y = attention_heads(b, q, k, v, length, heads, hidden // heads)
        x = b.op("Add", x, dense(y, hidden, hidden))
        y = gelu(dense(layer_norm(x), hidden, 4 * hidden))
        x = b.op("Add", x, dense(y, 4 * hidden, hidden))
    x = b.op("Gather", layer_norm(x), b.integers(0), axis=1)
    x = b.op("Reshape", x, b.integers(1, hidden))
    x = b.op("Gemm", x, b.normal(classes, hidden, fan_in=hidden), b.constant(0, classes), transB=1)
    b.save(path, [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, image, image])],
           [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, classes])])


def gpt2(path, layers=12, hidden=768, heads=12, length=64, vocabulary=50257):
    b = Builder()

    def dense(x, n_in, n_out):  # Conv1D of the original: a Gemm over all rows
        x = b.op("Gemm", b.op("Reshape", x, b.integers(-1, n_in)),
                 b.normal(n_in, n_out, fan_in=2 * n_in), b.constant(0, n_out))
        return b.op("Reshape", x, b.integers(1, length, n_out))

    def layer_norm(x):
        return b.op("LayerNormalization", x, b.constant(1, hidden), b.constant(0, hidden))

    def gelu(x):  # by tanh
        cube = b.op("Pow", x, b.weight(np.array(3, np.float32)))
        t = b.op("Add", x, b.op("Mul", cube, b.weight(np.array(0.044715, np.float32))))
        t = b.op("Tanh", b.op("Mul", t, b.weight(np.array((2 / np.pi) ** 0.5, np.float32))))
        t = b.op("Add", t, b.weight(np.array(1, np.float32)))
        return b.op("Mul", b.op("Mul", x, b.weight(np.array(0.5, np.float32))), t)

    mask = np.triu(np.full((length, length), -1e4, np.float32), 1).reshape(1, 1, length, length)
    mask = b.weight(mask)
    embedding = b.normal(vocabulary, hidden, fan_in=hidden)
    x = b.op("Add", b.op("Gather", embedding, "ids"), b.normal(1, length, hidden, fan_in=hidden))
    for _ in range(layers):
        parts = dense(layer_norm(x), hidden, 3 * hidden)
        b.nodes.append(helper.make_node("Split", [parts, b.integers(hidden, hidden, hidden)],
                                        [parts + "q", parts + "k", parts + "v"], axis=2))
        y = attention_heads(b, parts + "q", parts + "k", parts + "v", length, heads,
                            hidden // heads, mask)
        x = b.op("Add", dense(y, hidden, hidden), x)
        y = gelu(dense(layer_norm(x), hidden, 4 * hidden))
        x = b.op("Add", x, dense(y, 4 * hidden, hidden))
    x = b.op("MatMul", layer_norm(x), b.op("Transpose", embedding, perm=[1, 0]))
    b.save(path, [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, length])],
           [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, length, vocabulary])])


def large(path):
    b = Builder()
    x = "x"
    for _ in range(64):
        x = b.op("MatMul", x, b.weight(np.full((2048, 2048), 0.0005, np.float32)))
    b.save(path, [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2048])],
           [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 2048])])


MODELS = {"resnet18": resnet18, "bert_base": bert_base, "vit_b16": vit_b16, "gpt2": gpt2,
          "large": large}

if __name__ == "__main__":
    if len(sys.argv) < 2 or any(name not in MODELS for name in sys.argv[2:]):
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for model in sys.argv[2:] or MODELS:
        MODELS[model](folder / f"{model}.onnx")
