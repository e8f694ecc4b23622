"""Whether a .tflite file computes what the graph it was made of computes, shown on one image."""

from __future__ import annotations

import numpy as np

from todus.bridge.graph_mode import tf
from todus.bridge.tflite_exporter import BOXES, INPUT, SCORES
from todus.converting import agreement, tflite_ranges
from todus.converting.agreement import DisagreementError, Distance
from todus.converting.tflite_runner import Runner
from todus.exporting.tflite_facts import Facts

# The largest Distance that is allowed, between raw outputs. TensorFlow 1.15's own uint8 file is at 0.07 (boxes).
TOLERANCES = {"float32": 0.001, "float16": 0.02, "dynamic": 0.2, "int8": 0.3, "uint8": 0.3}


def require_agreement(graph: tf.GraphDef, model: bytes, facts: Facts, kind: str, pixels: np.ndarray) -> Distance:
    """How far `model` is from `graph` on an image, float32 [1, height, width, 3], 0..255.

    Raises:
      DisagreementError: farther than TOLERANCES says of `kind`, or its detections are not what they have to be.
    """
    runner = Runner(model, facts.mean, facts.deviation, keeps_tensors=True)
    outputs = runner(pixels)
    expected = raw_outputs(graph if kind == "uint8" else tflite_ranges.without(graph), runner.seen(pixels))
    distance = agreement.distance(expected, runner.raw_outputs())
    if not distance.largest <= TOLERANCES[kind]:  # not a number is no agreement
        raise DisagreementError(
            f"the {kind} file disagrees with its graph: raw boxes by {distance.boxes:.2g} and scores by "
            f"{distance.scores:.2g} of their spread, where {TOLERANCES[kind]:g} is allowed; it was not kept"
        )
    if not facts.has_heads:
        _require_detections(outputs, facts)
    return distance


def raw_outputs(graph: tf.GraphDef, image: np.ndarray) -> list[np.ndarray]:
    """Box encodings and class scores of `graph` for a normalised image, as TensorFlow computes them."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(tf.graph_util.extract_sub_graph(graph, [BOXES, SCORES]), name="")
        return session.run([f"{BOXES}:0", f"{SCORES}:0"], {f"{INPUT}:0": image})


def _require_detections(outputs: list[np.ndarray], facts: Facts) -> None:
    """Boxes, classes, scores and count, in this order."""
    n = facts.max_detections
    shapes = [output.shape for output in outputs]
    if shapes != [(1, n, 4), (1, n), (1, n), (1,)]:
        raise DisagreementError(f"its outputs have shapes {shapes}, not those of {n} detections; it was not kept")
    count = int(outputs[3][0])  # what is beyond it, the operation has not written
    classes, scores = outputs[1][0, :count], outputs[2][0, :count]
    has_classes = set(classes.tolist()) <= set(range(len(facts.labels)))
    if not (has_classes and (np.diff(scores) <= 0).all() and (scores >= 0).all() and (scores <= 1).all()):
        raise DisagreementError("what the file gives are not classes and scores, best first; it was not kept")
