#!/usr/bin/env python3
"""Quantizes the models of make_models.py with ONNX Runtime's own quantizer, for benchmarks.

    PYTHON_WITH_ONNXRUNTIME bench/quantize_models.py MODELS_DIR OUT_DIR [NAME ...]

bert_base_dynamic, vit_b16_dynamic, gpt2_dynamic, gpt2_step_dynamic
                                  dynamic, 8 bits, weights signed
resnet50_u8s8, mobilenet_v2_u8s8  QDQ, weights for each channel, calibrated on four random images
resnet50_s8s8, mobilenet_v2_s8s8  the same, activations signed
bert_base_4bit, gpt2_4bit, gpt2_step_4bit
                                  MatMulNBits, blocks of 32, symmetric

digits_cnn_u8s8, digits_vit_dynamic
                                  of MODELS_DIR/NAME/model.onnx, as in zoo/

All whose models are there, or those of the given names. Needs onnx, onnxruntime and, for 4 bits, onnx_ir: `pip install onnx onnxruntime onnx_ir sympy`.
"""
import sys
import tempfile
from pathlib import Path

import numpy as np

HOW = {f"{model}_{how}": (model, how) for how, models in {
    "dynamic": ["bert_base", "vit_b16", "gpt2", "gpt2_step", "digits_vit"],
    "u8s8": ["resnet50", "mobilenet_v2", "digits_cnn"],
    "s8s8": ["resnet50", "mobilenet_v2"],
    "4bit": ["bert_base", "gpt2", "gpt2_step"],
}.items() for model in models}


def fixed(shape):
    return [n if isinstance(n, int) else 1 for n in shape]


def images(path):
    import onnxruntime as ort
    from onnxruntime.quantization import CalibrationDataReader

    class Random(CalibrationDataReader):
        def __init__(self):
            inputs = ort.InferenceSession(path).get_inputs()
            random = np.random.default_rng(7)
            self.all = iter([{i.name: random.standard_normal(fixed(i.shape)).astype(np.float32)
                              for i in inputs} for _ in range(4)])

        def get_next(self):
            return next(self.all, None)

    return Random()


def as_matmuls(model):
    """Gemm and products with a transposed constant as MatMul: the 4-bit quantizer knows no other."""
    import onnx
    from onnx import helper, numpy_helper
    constants = {i.name: i for i in model.graph.initializer}
    turned, nodes = {}, []
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Transpose" and node.input[0] in constants:
            matrix = numpy_helper.to_array(constants[node.input[0]])
            turned[node.output[0]] = numpy_helper.from_array(
                np.ascontiguousarray(matrix.transpose(attributes["perm"])), node.output[0])
        elif node.op_type == "Gemm" and not attributes and len(node.input) == 3:
            product = node.output[0] + "_product"
            nodes += [helper.make_node("MatMul", node.input[:2], [product]),
                      helper.make_node("Add", [product, node.input[2]], node.output)]
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(turned.values())
    return model


def quantize(source, how, target):
    import onnx
    from onnxruntime import quantization as q
    if how == "4bit":
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
        quantizer = MatMulNBitsQuantizer(as_matmuls(onnx.load(source)), block_size=32, is_symmetric=True,
                                         accuracy_level=4)
        quantizer.process()
        quantizer.model.save_model_to_file(target, False)
        return
    with tempfile.TemporaryDirectory() as folder:
        prepared = str(Path(folder) / "prepared.onnx")
        q.quant_pre_process(source, prepared, skip_symbolic_shape=True)
        if how == "dynamic":
            q.quantize_dynamic(prepared, target, weight_type=q.QuantType.QInt8)
            return
        activations = q.QuantType.QUInt8 if how == "u8s8" else q.QuantType.QInt8
        q.quantize_static(prepared, target, images(prepared), quant_format=q.QuantFormat.QDQ,
                          activation_type=activations, weight_type=q.QuantType.QInt8,
                          per_channel=True)


if __name__ == "__main__":
    if len(sys.argv) < 3 or any(name not in HOW for name in sys.argv[3:]):
        sys.exit(__doc__)
    models, out = map(Path, sys.argv[1:3])
    out.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[3:] or HOW:
        model, way = HOW[name]
        places = [p for p in (models / f"{model}.onnx", models / model / "model.onnx") if p.exists()]
        if not places and name in sys.argv[3:]:
            sys.exit(f"{models} has no {model}")
        for place in places:
            quantize(str(place), way, str(out / f"{name}.onnx"))
