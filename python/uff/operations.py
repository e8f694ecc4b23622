"""How each TensorFlow operation is written in UFF.

Each converter returns what the UFF node says: its operation, the nodes it reads, its fields. The evidence:
seen = in files that NVIDIA's converter wrote; documented = in the public list of UFF's operators; inferred = neither,
written as its seen relatives are. `README.md` has the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uff import data, layers, shapes, weights
from uff.converted import Converted, Converter, weights_key
from uff.errors import UffError
from uff.source import Source, attribute

if TYPE_CHECKING:
    from tensorflow.core.framework.node_def_pb2 import NodeDef


def convert(node: NodeDef, source: Source) -> Converted | None:
    """The node in UFF; None where UFF has no such operation.

    Raises:
      UffError: UFF has the operation, but not the way it is used.
    """
    converter = _CONVERTERS.get(node.op)
    if converter is None:
        return None
    if node.op not in _WITHOUT_INPUTS:
        _require_inputs(node, len(source.inputs(node)))
    return converter(node, source)


def _require_inputs(node: NodeDef, count: int) -> None:
    """At least those that the converters count on; a ConcatV2 of graphsurgeon has but one."""
    needed = 2 if node.op in _BINARY or node.op in _WITH_WEIGHTS else 1
    if count < needed:
        raise UffError(f"{node.name} ({node.op}) has too few inputs: {count}, and needs {needed}")


def _placeholder(node: NodeDef, source: Source) -> Converted:
    """Seen. Whatever else a placeholder made of a namespace still reads is not part of it."""
    shape = [dimension.size for dimension in node.attr["shape"].shape.dim]
    kind = weights.data_type(node.attr["dtype"].type, node.name)
    return Converted("Input", [], {"dtype": data.data_type(kind), "shape": data.integers(shape)})


def _constant(node: NodeDef, source: Source) -> Converted:
    """Seen."""
    tensor = node.attr["value"].tensor
    fields = {
        "dtype": data.data_type(weights.data_type(tensor.dtype, node.name)),
        "shape": data.integers(weights.shape(tensor)),
        "values": data.reference(weights_key(node.name)),
    }
    return Converted("Const", [], fields, weights.blob(tensor))


def _function(operation: str, name: str) -> Converter:
    def convert_function(node: NodeDef, source: Source) -> Converted:
        return Converted(operation, source.inputs(node), {"func": data.text(name)})

    return convert_function


def _leaky_relu(node: NodeDef, source: Source) -> Converted:
    """Seen."""
    return Converted("LeakyRelu", source.inputs(node), {"alpha": data.real(attribute(node, "alpha", 0.2))})


_WITHOUT_INPUTS = {"Placeholder", "Const"}
_WITH_WEIGHTS = {"Conv2D", "DepthwiseConv2dNative", "MatMul"}
_ACTIVATIONS = {  # seen: the first three; documented: the others
    "Relu": "relu",
    "Relu6": "relu6",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Elu": "elu",
    "Selu": "selu",
    "Softsign": "softsign",
    "Softplus": "softplus",
}
_BINARY = {  # seen: up to RealDiv; documented: the others
    "BiasAdd": "add",
    "Add": "add",
    "AddV2": "add",
    "Sub": "sub",
    "Mul": "mul",
    "RealDiv": "div",
    "Div": "div",
    "Minimum": "min",
    "Maximum": "max",
    "Pow": "pow",
}
_UNARY = {  # seen: the first two; documented: the others
    "Rsqrt": "rsqrt",
    "Sqrt": "sqrt",
    "Neg": "neg",
    "Exp": "exp",
    "Log": "log",
    "Abs": "abs",
    "Square": "square",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Asin": "asin",
    "Acos": "acos",
    "Atan": "atan",
    "Asinh": "asinh",
    "Acosh": "acosh",
    "Atanh": "atanh",
    "Ceil": "ceil",
    "Floor": "floor",
}
_CONVERTERS: dict[str, Converter] = {
    "Placeholder": _placeholder,
    "Const": _constant,
    "Conv2D": layers.convolution,
    "DepthwiseConv2dNative": layers.depthwise_convolution,
    "MaxPool": layers.pool("max"),
    "AvgPool": layers.pool("avg"),
    "FusedBatchNorm": layers.batch_norm,
    "FusedBatchNormV2": layers.batch_norm,
    "FusedBatchNormV3": layers.batch_norm,
    "MatMul": layers.matrix_product,
    "Softmax": layers.softmax,
    "LeakyRelu": _leaky_relu,
    "ConcatV2": shapes.concatenation,
    "Reshape": shapes.reshape,
    "Shape": shapes.shape,
    "StridedSlice": shapes.strided_slice,
    "Pack": shapes.stack,
    "Squeeze": shapes.squeeze,
    "ExpandDims": shapes.expand_dims,
    "Transpose": shapes.transpose,
    "Mean": shapes.mean,
    "ArgMax": shapes.extreme("ArgMax"),
    "ArgMin": shapes.extreme("ArgMin"),
    "Pad": shapes.pad,
    "Gather": shapes.gather,
    "GatherV2": shapes.gather_along_axis,
    **{operation: _function("Activation", name) for operation, name in _ACTIVATIONS.items()},
    **{operation: _function("Binary", name) for operation, name in _BINARY.items()},
    **{operation: _function("Unary", name) for operation, name in _UNARY.items()},
}
