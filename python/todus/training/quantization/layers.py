"""Find the layers of a graph, and round their weights and what they give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from todus.bridge.graph_matcher import GraphMatcher, MatchResult, OneofPattern, OpTypePattern, Pattern
from todus.bridge.graph_mode import tf
from todus.training.quantization.fake_quantization import Settings, quantize_activation, quantize_weights
from todus.training.quantization.rerouting import inside, scope_of

_ADD = "Add|AddV2"
_LAYER_TYPES = "Conv2D|DepthwiseConv2dNative|MatMul"
_RELUS = ("Relu", "Relu6")

_VARIABLE = OpTypePattern("Identity", inputs=[OpTypePattern("Variable|VariableV2")])
_RESOURCE = OpTypePattern("ReadVariableOp")
_FOLDED = OpTypePattern("Mul")
_LAYER = OpTypePattern(_LAYER_TYPES, inputs=["*", OneofPattern([_VARIABLE, _RESOURCE, _FOLDED])])
_BATCH_TO_SPACE = OpTypePattern("BatchToSpaceND", inputs=[_LAYER, "*", "*"])
_LAYER_OUTPUT = OneofPattern([_BATCH_TO_SPACE, _LAYER])

_BIAS_ADD = OpTypePattern(f"{_ADD}|BiasAdd", inputs=[_LAYER_OUTPUT, "*"], ordered_inputs=False)
_POST_CONV_MUL = OpTypePattern("Mul", inputs=["*", _LAYER_OUTPUT], ordered_inputs=False)
_CORRECTION_ADD = OpTypePattern(_ADD, inputs=[_POST_CONV_MUL, "*"], ordered_inputs=False)
_FOLDED_BIAS_ADD = OpTypePattern(_ADD, inputs=[_CORRECTION_ADD, "*"], ordered_inputs=False)
_BIASED = OneofPattern([_BIAS_ADD, _FOLDED_BIAS_ADD])

_PASSED_ON = OpTypePattern("Identity", inputs=[_FOLDED_BIAS_ADD])
_BYPASS = OpTypePattern(_ADD, inputs=[OneofPattern([_BIASED, _PASSED_ON]), "*"], ordered_inputs=False)
_ACTIVATION = OpTypePattern("Relu|Relu6|Identity", inputs=[OneofPattern([_BIASED, _PASSED_ON, _BYPASS, _LAYER])])
_POST_ACTIVATION_BYPASS = OpTypePattern(_ADD, inputs=["*", _ACTIVATION], ordered_inputs=False)
_SEPARABLE = OpTypePattern(_LAYER_TYPES, inputs=[_LAYER_OUTPUT, "*"])


@dataclass(frozen=True)
class Layer:
    """A layer, and the operations after it whose values are kept as integers on a device.

    weights: None for the first half of a separable convolution whose weights are folded.
    activation: what the layer gives in the end: an activation, or its biases where there is none.
    biases: the addition before a bypass.
    bypass: an addition of another branch before the activation; else None.
    post_activation_bypass: one after it.
    """

    op: tf.Operation
    weights: tf.Tensor | None
    activation: tf.Operation
    biases: tf.Operation | None = None
    bypass: tf.Operation | None = None
    post_activation_bypass: tf.Operation | None = None


def quantize(graph: tf.Graph, settings: Settings) -> set[tf.Operation]:
    """Round the weights and activations of all layers of `graph`; returns the operations whose output is rounded.

    Weights are rounded where the layer takes them, and everybody else does, the L2 loss included: behind `mul_fold`
    where a batch normalization was folded into them, else behind their variable.
    """
    rounded = set()
    for layer in find(graph):
        scope = scope_of(layer.op.name)
        if layer.weights is not None:
            quantize_weights(layer.weights, inside(scope, "weights_quant"), settings)
        around = scope_of(scope) if layer.bypass else scope
        quantize_activation(layer.activation, inside(around, "act_quant"), settings, initially=(0.0, 6.0))
        rounded.add(layer.activation)
        if layer.bypass:
            quantize_activation(layer.biases, inside(scope, "conv_quant"), settings)
            rounded.add(layer.biases)
            rounded |= _quantize_sum(layer.bypass, inside(around, "add_quant"), settings, (*_RELUS, "Identity"))
        if layer.post_activation_bypass:
            own = scope_of(layer.post_activation_bypass.name)
            name = inside(own, "post_activation_bypass_quant")
            rounded |= _quantize_sum(layer.post_activation_bypass, name, settings, _RELUS)
    return rounded


def _quantize_sum(
    addition: tf.Operation, scope: str, settings: Settings, activations: tuple[str, ...]
) -> set[tf.Operation]:
    """A device computes an addition and the activation after it in one: only what that gives is kept."""
    if any(consumer.type in activations for consumer in addition.outputs[0].consumers()):
        return set()
    quantize_activation(addition, scope, settings)
    return {addition}


def find(graph: tf.Graph) -> list[Layer]:
    r"""The layers of `graph`, each once, in its largest match.

        input   variable | mul_fold
             \   /
             LAYER
               |
        [BatchToSpaceND]
               |
         [post_conv_mul]               of a batch normalization
               |                       that was folded
        [correction_add]               and trains
               |
        [biases | add_fold]   other branch
               |      _______/
           [bypass]
               |
        Relu | Relu6 | Identity   other branch
               |       __________/
        [post_activation_bypass]

    Where no activation follows, the biases end the layer, as in box predictors; where another layer follows at once,
    as in a separable convolution, the layer itself does.
    """
    layers = {}
    for layer in _matches(graph):
        layers.setdefault(layer.op, layer)
    return list(layers.values())


def _matches(graph: tf.Graph) -> Iterator[Layer]:
    """Larger ones first."""
    for match in GraphMatcher(_POST_ACTIVATION_BYPASS).match_graph(graph):
        yield _with_activation(match, match.get_op(_POST_ACTIVATION_BYPASS))
    for match in GraphMatcher(_ACTIVATION).match_graph(graph):
        if not _only_feeds_batch_norm(match.get_op(_ACTIVATION)):
            yield _with_activation(match, None)
    for match in GraphMatcher(_BIASED).match_graph(graph):
        yield Layer(match.get_op(_LAYER), _weights(match), _first(match, _BIAS_ADD, _FOLDED_BIAS_ADD))
    for match in GraphMatcher(_SEPARABLE).match_graph(graph):
        yield Layer(match.get_op(_LAYER), _weights(match), match.get_op(_LAYER))


def _with_activation(match: MatchResult, post_activation_bypass: tf.Operation | None) -> Layer:
    return Layer(
        op=match.get_op(_LAYER),
        weights=_weights(match),
        activation=match.get_op(_ACTIVATION),
        biases=_first(match, _BIAS_ADD, _FOLDED_BIAS_ADD),
        bypass=match.get_op(_BYPASS),
        post_activation_bypass=post_activation_bypass,
    )


def _weights(match: MatchResult) -> tf.Tensor:
    return next(match.get_tensor(kind) for kind in (_VARIABLE, _RESOURCE, _FOLDED) if match.get_op(kind) is not None)


def _first(match: MatchResult, *patterns: Pattern) -> tf.Operation | None:
    return next(filter(None, map(match.get_op, patterns)), None)


def _only_feeds_batch_norm(identity: tf.Operation) -> bool:
    """What is left of the unfolded graph to take the statistics of the batch: no activation."""
    consumers = identity.outputs[0].consumers()
    return identity.type == "Identity" and len(consumers) == 1 and consumers[0].type.startswith("FusedBatchNorm")
