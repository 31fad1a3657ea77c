"""Collects the nodes and weights of an ONNX graph, for the generators of models."""
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

    def scalar(self, value):
        return self.weight(np.array(value, np.float32))

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

    def save_image_model(self, path, output, size=224, classes=1000):
        self.save(path,
                  [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, size, size])],
                  [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, classes])])

    # Of convolutional networks.

    def conv(self, x, cin, cout, size, stride=1, pad=None, group=1, bias=False):
        weights = self.normal(cout, cin // group, size, size, fan_in=cin // group * size * size)
        return self.op("Conv", x, weights, *([self.constant(0, cout)] if bias else []),
                       kernel_shape=[size, size], strides=[stride, stride],
                       pads=[size // 2 if pad is None else pad] * 4, group=group)

    def batch_norm(self, x, channels):
        return self.op("BatchNormalization", x, self.constant(1, channels),
                       self.constant(0, channels), self.constant(0, channels),
                       self.constant(1, channels))

    def conv_norm(self, x, cin, cout, size, stride=1, pad=None, group=1):
        return self.batch_norm(self.conv(x, cin, cout, size, stride, pad, group), cout)

    def relu(self, x):
        return self.op("Relu", x)

    def max_pool(self, x, size=3, stride=2, pad=0, ceil=0):
        return self.op("MaxPool", x, kernel_shape=[size, size], strides=[stride, stride],
                       pads=[pad] * 4, ceil_mode=ceil)

    def average_pool(self, x, size, stride, pad=0):
        return self.op("AveragePool", x, kernel_shape=[size, size], strides=[stride, stride],
                       pads=[pad] * 4, count_include_pad=0)

    def dense(self, x, n_in, n_out):
        return self.op("Gemm", x, self.normal(n_out, n_in, fan_in=n_in), self.constant(0, n_out),
                       transB=1)

    def classifier(self, x, channels, classes=1000):
        return self.dense(self.op("Flatten", self.op("GlobalAveragePool", x)), channels, classes)
