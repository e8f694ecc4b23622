"""Find batch normalizations that are spelt out in single operations, as tf.nn.batch_normalization makes them."""

from __future__ import annotations

from todus.bridge.graph_matcher import GraphMatcher, MatchResult, OneofPattern, OpTypePattern
from todus.bridge.graph_mode import tf
from todus.training.quantization.batch_norm import BatchNorm, moving_average_of

_LAYER = OpTypePattern("Conv2D|DepthwiseConv2dNative|MatMul", inputs=["*", "*"])
_BATCH_TO_SPACE = OpTypePattern("BatchToSpaceND", inputs=[_LAYER, "*", "*"])
_VARIANCE, _EPSILON, _GAMMA, _BETA, _MEAN = (OpTypePattern("*") for _ in range(5))
_INVERSE = OpTypePattern("Rsqrt", inputs=[OpTypePattern("Add|AddV2", inputs=[_VARIANCE, _EPSILON])])
_SCALE = OneofPattern([OpTypePattern("Mul", inputs=[_INVERSE, _GAMMA]), _INVERSE])
_SCALED = OpTypePattern("Mul", inputs=[OneofPattern([_BATCH_TO_SPACE, _LAYER]), _SCALE])
_OFFSET = OneofPattern(
    [
        OpTypePattern("Sub", inputs=[_BETA, OpTypePattern("Mul", inputs=[_MEAN, _SCALE])]),
        OpTypePattern("Mul", inputs=[OpTypePattern("Neg", inputs=[_MEAN]), _SCALE]),
    ]
)
_BATCH_NORM = OpTypePattern("Add|AddV2", inputs=[_SCALED, _OFFSET])


def find(graph: tf.Graph) -> list[BatchNorm]:
    r"""All batch normalizations of single operations in `graph` that follow a layer and whose output is used.

        input  weights          variance  epsilon
            \  /                      \   /
            layer                      Add
              |                         |
        [BatchToSpaceND]              Rsqrt  gamma
              |                           \  /
              |                          [Mul]   mean
              |                          /   \   /
              |                         /     Mul  beta
               \_______________________/        \  /
                         Mul                     Sub
                            \___________________/
                                     Add

    Without beta, Sub and its Mul are a Mul by -mean.
    """
    matches = GraphMatcher(_BATCH_NORM).match_graph(graph)
    return [_described(match) for match in matches if match.get_op(_BATCH_NORM).outputs[0].consumers()]


def _described(match: MatchResult) -> BatchNorm:
    mean, variance = match.get_tensor(_MEAN), match.get_tensor(_VARIANCE)
    return BatchNorm(
        layer=match.get_op(_LAYER),
        batch_to_space=match.get_op(_BATCH_TO_SPACE),
        output=match.get_op(_BATCH_NORM).outputs[0],
        gamma=match.get_tensor(_GAMMA),
        beta=match.get_tensor(_BETA),
        mean=mean,
        variance=variance,
        epsilon=match.get_tensor(_EPSILON),
        moving_mean=moving_average_of(mean),
        moving_variance=moving_average_of(variance),
    )
