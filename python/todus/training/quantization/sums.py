"""Round the sums and products of activations that belong to no layer, as where a feature pyramid adds its levels."""

from __future__ import annotations

from todus.bridge.graph_mode import tf
from todus.training.quantization.fake_quantization import Settings, quantize_activation

_KINDS = ("Add", "AddV2", "Mul")
_SEEN_THROUGH = ("Reshape", "Identity", "BatchToSpaceND", "SpaceToBatchND", "MaxPool", "Max")


def quantize(graph: tf.Graph, settings: Settings, rounded: set[tf.Operation]) -> None:
    r"""Round every sum and product of rounded values.

        FakeQuant | delayed_quant
                |
        [Reshape, MaxPool, ...]   other
                 \    ___________/
                Add | Mul
                    |
                FakeQuant

    Args:
      rounded: the operations that are rounded already, to be left out.
    """
    for op in graph.get_operations():
        if _is_of_rounded_values(op, rounded):
            quantize_activation(op, f"{op.name}/activation_{op.type}_quant", _never_symmetric(settings))


def _is_of_rounded_values(op: tf.Operation, rounded: set[tf.Operation]) -> bool:
    if op.type not in _KINDS or op in rounded or _is_one_with_an_activation(op):
        return False
    return any(_is_rounded(tensor.op, rounded) for tensor in op.inputs)


def _is_one_with_an_activation(op: tf.Operation) -> bool:
    consumers = op.outputs[0].consumers()
    return len(consumers) == 1 and consumers[0].type in ("Relu", "Relu6")


def _is_rounded(op: tf.Operation, rounded: set[tf.Operation]) -> bool:
    while op.type in _SEEN_THROUGH:
        op = op.inputs[0].op
    if op.type == "FakeQuantWithMinMaxVars" or op.name.endswith("delayed_quant/Merge"):
        return True
    return op.type in _KINDS and any(_is_of_rounded_values(tensor.op, rounded) for tensor in op.inputs)


def _never_symmetric(settings: Settings) -> Settings:
    """As TensorFlow 1 has it, so that both give the same."""
    return Settings(settings.is_training, settings.quant_delay, settings.weight_bits, settings.activation_bits)
