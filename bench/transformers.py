"""Transformers of published shapes."""
import numpy as np
from onnx import TensorProto, helper

from builder import Builder


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


class Gpt2:
    """What its two graphs share: all tokens at once, and one token after others."""

    def __init__(self, hidden):
        self.b, self.hidden = Builder(), hidden

    def dense(self, x, length, n_in, n_out):  # Conv1D of the original: a Gemm over all rows
        b = self.b
        x = b.op("Gemm", b.op("Reshape", x, b.integers(-1, n_in)),
                 b.normal(n_in, n_out, fan_in=2 * n_in), b.constant(0, n_out))
        return b.op("Reshape", x, b.integers(1, length, n_out))

    def layer_norm(self, x):
        return self.b.op("LayerNormalization", x, self.b.constant(1, self.hidden),
                         self.b.constant(0, self.hidden))

    def gelu(self, x):  # by tanh
        b = self.b
        cube = b.op("Pow", x, b.scalar(3))
        t = b.op("Add", x, b.op("Mul", cube, b.scalar(0.044715)))
        t = b.op("Tanh", b.op("Mul", t, b.scalar((2 / np.pi) ** 0.5)))
        t = b.op("Add", t, b.scalar(1))
        return b.op("Mul", b.op("Mul", x, b.scalar(0.5)), t)

    def queries_keys_values(self, x, length):
        parts = self.dense(self.layer_norm(x), length, self.hidden, 3 * self.hidden)
        names = [parts + "q", parts + "k", parts + "v"]
        self.b.nodes.append(helper.make_node(
            "Split", [parts, self.b.integers(*[self.hidden] * 3)], names, axis=2))
        return names

    def rest_of_layer(self, x, mixed, length):
        x = self.b.op("Add", self.dense(mixed, length, self.hidden, self.hidden), x)
        y = self.gelu(self.dense(self.layer_norm(x), length, self.hidden, 4 * self.hidden))
        return self.b.op("Add", x, self.dense(y, length, 4 * self.hidden, self.hidden))

    def logits(self, x, embedding):
        return self.b.op("MatMul", self.layer_norm(x),
                         self.b.op("Transpose", embedding, perm=[1, 0]))


def gpt2(path, layers=12, hidden=768, heads=12, length=64, vocabulary=50257):
    g = Gpt2(hidden)
    b = g.b
    mask = np.triu(np.full((length, length), -1e4, np.float32), 1).reshape(1, 1, length, length)
    mask = b.weight(mask)
    embedding = b.normal(vocabulary, hidden, fan_in=hidden)
    x = b.op("Add", b.op("Gather", embedding, "ids"), b.normal(1, length, hidden, fan_in=hidden))
    for _ in range(layers):
        y = attention_heads(b, *g.queries_keys_values(x, length), length, heads, hidden // heads,
                            mask)
        x = g.rest_of_layer(x, y, length)
    b.save(path, [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, length])],
           [helper.make_tensor_value_info(g.logits(x, embedding), TensorProto.FLOAT,
                                          [1, length, vocabulary])])


def gpt2_step(path, layers=12, hidden=768, heads=12, past=64, vocabulary=50257, positions=1024):
    """One token, with the keys and values of those before it going in, and all coming out."""
    g = Gpt2(hidden)
    b = g.b
    size = hidden // heads

    def cache(name, length):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, heads, length, size])

    def split(x):
        return b.op("Transpose", b.op("Reshape", x, b.integers(1, 1, heads, size)),
                    perm=[0, 2, 1, 3])

    def extended(x, name):  # the past along axis 2, then what is new
        b.nodes.append(helper.make_node("Concat", ["past_" + name, x], ["present_" + name],
                                        "Concat_" + name, axis=2))
        return "present_" + name

    embedding = b.normal(vocabulary, hidden, fan_in=hidden)
    x = b.op("Add", b.op("Gather", embedding, "ids"),
             b.op("Gather", b.normal(positions, hidden, fan_in=hidden), "position_ids"))
    names = []
    for layer in range(layers):
        q, k, v = (split(part) for part in g.queries_keys_values(x, 1))
        names += [f"key_{layer}", f"value_{layer}"]
        k, v = extended(k, names[-2]), extended(v, names[-1])
        scores = b.op("MatMul", q, b.op("Transpose", k, perm=[0, 1, 3, 2]))
        scores = b.op("Div", scores, b.scalar(size**0.5))
        mixed = b.op("MatMul", b.op("Softmax", scores, axis=-1), v)
        mixed = b.op("Reshape", b.op("Transpose", mixed, perm=[0, 2, 1, 3]),
                     b.integers(1, 1, hidden))
        x = g.rest_of_layer(x, mixed, 1)
    logits = helper.make_tensor_value_info(g.logits(x, embedding), TensorProto.FLOAT,
                                           [1, 1, vocabulary])
    b.save(path, [helper.make_tensor_value_info(name, TensorProto.INT64, [1, 1])
                  for name in ("ids", "position_ids")] + [cache("past_" + n, past) for n in names],
           [logits] + [cache("present_" + n, past + 1) for n in names])
