"""Find batch normalizations that are one operation, as slim makes them.

While a model trains, that operation computes the mean and the variance of the batch as well. TensorFlow has no gradient
for these two, since nothing but moving averages takes them; once the normalization is folded they are in the forward
path, so the operation is given another gradient, which knows them only.
"""

from __future__ import annotations

from todus.bridge.graph_matcher import GraphMatcher, MatchResult, OneofPattern, OpTypePattern
from todus.bridge.graph_mode import tf
from todus.training.quantization.batch_norm import BatchNorm, moving_average_of
from todus.training.quantization.rerouting import scope_of

_GRADIENT_OF_STATISTICS = "TodusGradientOfBatchStatistics"

_LAYER = OpTypePattern("Conv2D|DepthwiseConv2dNative|MatMul", inputs=["*", "*"])
_BATCH_TO_SPACE = OpTypePattern("BatchToSpaceND", inputs=[_LAYER, "*", "*"])
_IDENTITY = OpTypePattern("Identity", inputs=[OneofPattern([_BATCH_TO_SPACE, _LAYER])])
_LAYER_OUTPUT = OneofPattern([_IDENTITY, _LAYER, _BATCH_TO_SPACE])
_TO_FOUR_DIMENSIONS = OpTypePattern("Reshape", inputs=[_LAYER_OUTPUT, "*"])
_BATCH_NORM = OpTypePattern(
    "FusedBatchNorm|FusedBatchNormV2|FusedBatchNormV3",
    inputs=[OneofPattern([_TO_FOUR_DIMENSIONS, _LAYER_OUTPUT]), "*", "*", "*", "*"],
)


def find(graph: tf.Graph) -> list[BatchNorm]:
    r"""All fused batch normalizations in `graph` that follow a layer and whose output is used.

    input   weights
        \   /
        layer
          |
    [BatchToSpaceND]
          |
     [Identity]
          |
     [Reshape]   gamma  beta  mean  variance
           \       |     |     |     /
            \______|     |     |____/
                   FusedBatchNorm
                         |
                     [Reshape]
    """
    matches = GraphMatcher(_BATCH_NORM).match_graph(graph)
    first_of_each_layer = {}
    for batch_norm in filter(None, map(_described, matches)):
        first_of_each_layer.setdefault(batch_norm.layer, batch_norm)
    return list(first_of_each_layer.values())


def _described(match: MatchResult) -> BatchNorm | None:
    operation = match.get_op(_BATCH_NORM)
    output = _output(match, operation)
    if output is None or not output.consumers():
        return None
    _, gamma, beta, mean, variance = operation.inputs
    moving_mean = moving_variance = None
    if operation.get_attr("is_training"):
        _, mean, variance_of_sample, *_ = operation.outputs
        moving_mean, moving_variance = moving_average_of(mean), moving_average_of(variance_of_sample)
        if moving_mean is None or moving_variance is None:
            raise ValueError(f"{operation.name} trains, but nothing keeps moving averages of its mean and variance")
        variance = _without_bessels_correction(operation)
        operation._set_attr("_gradient_op_type", tf.AttrValue(s=_GRADIENT_OF_STATISTICS.encode()))
    return BatchNorm(
        layer=match.get_op(_LAYER),
        batch_to_space=match.get_op(_BATCH_TO_SPACE),
        output=output,
        gamma=gamma,
        beta=beta,
        mean=mean,
        variance=variance,
        epsilon=operation.get_attr("epsilon"),
        moving_mean=moving_mean,
        moving_variance=moving_variance,
    )


def _output(match: MatchResult, operation: tf.Operation) -> tf.Tensor | None:
    """The matrix of a MatMul is given four dimensions to be normalized, and two again afterwards."""
    if match.get_op(_LAYER).type != "MatMul":
        return operation.outputs[0]
    reshapes = [consumer for consumer in operation.outputs[0].consumers() if consumer.type == "Reshape"]
    return reshapes[0].outputs[0] if reshapes else None


def _without_bessels_correction(operation: tf.Operation) -> tf.Tensor:
    """The variance that the batch is normalized with: sum((x - mean)^2) / n. The operation gives out the one that the
    moving average follows, the sample variance, which divides by n - 1."""
    with operation.graph.name_scope(f"{scope_of(operation.name)}/"):
        n = tf.cast(tf.size(operation.inputs[0]) / tf.size(operation.outputs[1]), tf.float32)
        return tf.multiply(operation.outputs[2], (n - 1) / n, name="Undo_Bessel_Correction")


@tf.RegisterGradient(_GRADIENT_OF_STATISTICS)
def _gradient_of_statistics(op: tf.Operation, _: tf.Tensor, of_mean: tf.Tensor, of_variance: tf.Tensor, *__: tf.Tensor):
    """d mean / dx = 1 / n and d variance / dx = 2 (x - mean) / (n - 1); the normalized output is not used any more.

    Of one value, the variance and its gradient are 0.
    """
    x = op.inputs[0]
    n = tf.cast(tf.size(x) / tf.size(of_mean), tf.float32)
    return of_mean / n + 2 * of_variance * (x - op.outputs[1]) / tf.maximum(n - 1, 1), None, None, None, None
