"""Rewrite a graph, in place, so that it computes as its quantized form will.

Before gradients are added to it: they have to see the rounding. Tensors that are held from before keep their meaning,
save that what consumed an activation or a weight now consumes its rounded values.
"""

from __future__ import annotations

from todus.bridge.graph_mode import tf
from todus.training.quantization import folding, fused_batch_norm, layers, sums, unfused_batch_norm
from todus.training.quantization.fake_quantization import Settings


def rewrite_for_training(
    graph: tf.Graph,
    quant_delay: int = 0,
    freeze_batch_norm_delay: int | None = None,
    weight_bits: int = 8,
    activation_bits: int = 8,
    symmetric: bool = False,
) -> None:
    """Fold batch normalizations, round weights and activations, and have their ranges follow the training.

    Args:
      quant_delay: steps of training before weights and activations are rounded; their ranges follow from the start.
      freeze_batch_norm_delay: steps before batch normalizations use their moving averages instead of the batch's
        statistics, and these averages stay as they are; None is never. To be larger than `quant_delay`.
      weight_bits, activation_bits: of the integers, 2 to 16.
      symmetric: ranges lie symmetrically about 0, except those of sums and products that follow no layer.

    Raises:
      ValueError: the graph has an optimizer already.
    """
    _require_no_optimizer(graph)
    settings = Settings(True, quant_delay, weight_bits, activation_bits, symmetric)
    _rewrite(graph, settings, freeze_batch_norm_delay)


def rewrite_for_evaluation(graph: tf.Graph, weight_bits: int = 8, activation_bits: int = 8) -> None:
    """Fold batch normalizations, and round weights and activations within the ranges that a checkpoint holds."""
    _rewrite(graph, Settings(False, 0, weight_bits, activation_bits), None)


def _rewrite(graph: tf.Graph, settings: Settings, freeze_batch_norm_delay: int | None) -> None:
    with graph.as_default(), graph.name_scope(None):
        for find in (fused_batch_norm.find, unfused_batch_norm.find):
            for batch_norm in find(graph):
                folding.fold(batch_norm, freeze_batch_norm_delay)
        quantized = layers.quantize(graph, settings)
        sums.quantize(graph, settings, quantized)


def _require_no_optimizer(graph: tf.Graph) -> None:
    types = {op.type for op in graph.get_operations()}
    optimizers = sorted(name for name in types if name.removeprefix("Resource").startswith(("Apply", "SparseApply")))
    if optimizers:
        raise ValueError(f"the graph has an optimizer already ({', '.join(optimizers)}): rewrite it before")
