"""Fake quantization in ONNX: QuantizeLinear and DequantizeLinear, uint8, one scale for a tensor.

Trained ranges become scale and zero point just as TensorFlow's FakeQuantWithMinMaxVars rounds by them (its "nudging";
source: tensorflow/core/kernels/fake_quant_ops_functor.h). Weights are stored in 8 bits, a quarter of the size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from todus.converting.onnx_graph import FAKE_QUANTIZATION, RoundedWeights

_MOST = 255
_LAYERS = {"Conv", "MatMul", "Gemm"}


def steps(low: float, high: float, is_narrow: bool) -> tuple[np.float32, int]:
    """Scale and zero point of the range from `low` to `high`; a narrow one leaves out the integer 0."""
    least = 1 if is_narrow else 0
    low, high = np.float32(low), np.float32(high)  # TensorFlow's own precision, which decides between two steps
    scale = (high - low) / np.float32(_MOST - least)
    zero_point = np.floor(np.float32(least) - low / scale + np.float32(0.5))
    return scale, int(np.clip(zero_point, least, _MOST))


def convert_fake_quantization(context: Any, node: Any, name: str, arguments: list) -> None:
    """For tf2onnx, which asks it for each FakeQuantWithMinMaxVars: put the pair of operations in its place."""
    low, high = (float(node.inputs[i].get_tensor_value()) for i in (1, 2))
    scale, zero_point = steps(low, high, bool(node.get_attr_value("narrow_range", False)))
    shape, kind = context.get_shape(node.output[0]), context.get_dtype(node.output[0])
    source, result = node.input[0], node.output[0]
    constants = [
        context.make_const(f"{name}/scale", np.array(scale, np.float32)).output[0],
        context.make_const(f"{name}/zero_point", np.array(zero_point, np.uint8)).output[0],
    ]
    context.remove_node(node.name)
    whole = context.make_node(
        "QuantizeLinear",
        [source, *constants],
        name=f"{name}/quantize",
        shapes=[shape],
        dtypes=[onnx.TensorProto.UINT8],
    )
    context.make_node(
        "DequantizeLinear",
        [whole.output[0], *constants],
        name=f"{name}/dequantize",
        outputs=[result],
        shapes=[shape],
        dtypes=[kind],
    )


HANDLERS = {FAKE_QUANTIZATION: (convert_fake_quantization, [])}


def store_weights(model: onnx.ModelProto, rounded: Sequence[RoundedWeights]) -> int:
    """Store the weights that are among `rounded` in 8 bits, and tell of how many layers they are.

    tf2onnx gives them another layout and the layers other names, so they are known by their values in ascending order;
    and they are stored only if 8 bits give them back, to a thousandth of a step.
    """
    known = {_signature(weights.values): weights for weights in rounded}
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes, stored = [], 0
    for node in model.graph.node:
        values = numpy_helper.to_array(tensors[node.input[1]]) if _has_weights(node, tensors) else None
        weights = known.get(_signature(values)) if values is not None else None
        pair = _whole_numbers(values, weights) if weights else None
        if pair:
            nodes.append(_dequantize(model, node, *pair))
            stored += 1
        nodes.append(node)
    kept = list(nodes)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    _remove_unused(model)
    return stored


def _has_weights(node: onnx.NodeProto, tensors: Mapping[str, onnx.TensorProto]) -> bool:
    return node.op_type in _LAYERS and node.input[1] in tensors


def _signature(values: np.ndarray) -> bytes:
    return np.sort(values, axis=None).tobytes()


def _whole_numbers(values: np.ndarray, weights: RoundedWeights) -> tuple[np.ndarray, np.float32, int] | None:
    """`values` as whole numbers, uint8, with their scale and zero point; None where that would change them."""
    scale, zero_point = steps(weights.low, weights.high, weights.is_narrow)
    exact = values / scale + zero_point
    integers = np.floor(exact + 0.5)
    if np.abs(exact - integers).max() > 1e-3 or integers.min() < 0 or integers.max() > _MOST:
        return None
    return integers.astype(np.uint8), scale, zero_point


def _dequantize(
    model: onnx.ModelProto, layer: onnx.NodeProto, integers: np.ndarray, scale: np.float32, zero_point: int
) -> onnx.NodeProto:
    """The operation that gives `layer` its weights, which now takes them from it."""
    inputs = [f"{layer.input[1]}/{what}" for what in ("integers", "scale", "zero_point")]
    values = (integers, np.array(scale, np.float32), np.array(zero_point, np.uint8))
    model.graph.initializer.extend(numpy_helper.from_array(*pair) for pair in zip(values, inputs, strict=True))
    layer.input[1] = f"{layer.name}/weights"
    return helper.make_node("DequantizeLinear", inputs, [layer.input[1]], name=f"{layer.name}/dequantize")


def _remove_unused(model: onnx.ModelProto) -> None:
    used = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
