"""The nodes that stand for TensorRT's SSD plugins, as the TensorRT of choice wants them.

What differs, by what was seen in files that worked and by the plugins' own code (NVIDIA/TensorRT, Apache-2.0):

    trt5    FlattenConcat is built by the user with NVIDIA's sample and takes no axis
    trt7    FlattenConcat_TRT comes with TensorRT and fails without an axis
    trt8    NMS_TRT has scoreBits and isBatchAgnostic; and a Squeeze between the two plugins, which earlier parsers
            skip, is refused
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from todus.bridge.graph_mode import tf
from todus.converting.ssd_heads import Network
from todus.converting.ssd_parameters import Anchors, Size, Suppression

import graphsurgeon as gs

INPUT, OUTPUT = "Input", "NMS"
_BOXES, _CLASSES, _PRIORS = "concat_box_loc", "concat_box_conf", "concat_priorbox"
_SQUEEZE = "Squeeze"

# NMS_TRT sorts in blocks of 512 candidates, of which it has at most 8 (allClassNMS.cu).
MOST_CANDIDATES = 4096


@dataclass(frozen=True)
class Dialect:
    """What one generation of TensorRT's plugins wants to be told."""

    flatten_has_axis: bool = True
    has_squeeze: bool = True
    has_score_bits: bool = False

    @property
    def flatten(self) -> dict:
        return {"axis": 1, "ignoreBatch": 0} if self.flatten_has_axis else {}

    @property
    def suppression(self) -> dict:
        return {"scoreBits": 16, "isBatchAgnostic": 1} if self.has_score_bits else {}


DIALECTS = {
    "trt5": Dialect(flatten_has_axis=False),  # and 6
    "trt7": Dialect(),
    "trt8": Dialect(has_squeeze=False, has_score_bits=True),
}


def image(size: Size) -> tf.NodeDef:
    """The input. Its shape is that of the buffer, channels first, whatever the order within the network."""
    return gs.create_node(INPUT, op="Placeholder", dtype=tf.float32, shape=[1, 3, size.height, size.width])


def plugins(
    network: Network, reshapes: list[tuple[str, str]], anchors: Anchors, limits: Suppression, dialect: Dialect
) -> list[tf.NodeDef]:
    """The nodes after the heads. `reshapes`: the nodes [batch, priors, 1, 4] and [batch, priors, classes] of each."""
    boxes, classes = ([pair[column] for pair in reshapes] for column in (0, 1))
    nodes = [
        *_priors(network, anchors),
        gs.create_plugin_node(_BOXES, op="FlattenConcat_TRT", dtype=tf.float32, inputs=boxes, **dialect.flatten),
        gs.create_plugin_node(_CLASSES, op="FlattenConcat_TRT", dtype=tf.float32, inputs=classes, **dialect.flatten),
    ]
    of_boxes = _BOXES
    if dialect.has_squeeze:
        nodes.append(gs.create_node(_SQUEEZE, op="Squeeze", squeeze_dims=[2], inputs=[_BOXES]))
        of_boxes = _SQUEEZE
    return [*nodes, _suppression(network, [of_boxes, _PRIORS, _CLASSES], of_boxes, limits, dialect)]


def _priors(network: Network, anchors: Anchors) -> list[tf.NodeDef]:
    """The anchors, which depend on nothing; but a node without inputs is not what the parser expects."""
    pretext = gs.create_node("AnchorInput", op="Const", value=np.ones(2, np.float32))
    places = gs.create_plugin_node(
        "MultipleGridAnchorGenerator",
        op="GridAnchor_TRT",
        dtype=tf.float32,
        inputs=[pretext],
        minSize=anchors.min_scale,
        maxSize=anchors.max_scale,
        aspectRatios=list(anchors.aspect_ratios),
        variance=list(anchors.variances),
        featureMapShapes=[feature_map.height for feature_map in network.maps],
        numLayers=anchors.layers,
    )
    return [pretext, places, gs.create_node(_PRIORS, op="ConcatV2", dtype=tf.float32, axis=2, inputs=[places])]


def _suppression(
    network: Network, inputs: list[str], of_boxes: str, limits: Suppression, dialect: Dialect
) -> tf.NodeDef:
    return gs.create_plugin_node(
        OUTPUT,
        op="NMS_TRT",
        dtype=tf.float32,
        inputs=inputs,
        shareLocation=1,
        varianceEncodedInTarget=0,
        backgroundLabelId=0,
        confidenceThreshold=limits.score_threshold,
        nmsThreshold=limits.iou_threshold,
        topK=candidates(network),
        keepTopK=min(limits.max_total, candidates(network)),
        numClasses=network.class_count,
        inputOrder=[inputs.index(of_boxes), inputs.index(_CLASSES), inputs.index(_PRIORS)],
        confSigmoid=1,
        isNormalized=1,
        **dialect.suppression,
    )


def candidates(network: Network) -> int:
    """How many boxes of a class are looked at: all, as TensorFlow does. NVIDIA's samples say 100, the number that
    TensorFlow keeps of a class *after* suppression; a hundred boxes of one large object then hide all others."""
    return min(network.priors, MOST_CANDIDATES)
