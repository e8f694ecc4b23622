"""A detector in a TensorFlow graph with the API's inputs and outputs, run in the quickest way that its graph allows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from todus.bridge.graph_mode import tf
from todus.coco.label_map import LabelMap
from todus.converting.frozen_graph import FrozenGraph
from todus.evaluation.detectors import preparation, suppression
from todus.evaluation.detectors.detector import Detections, Detector, named
from todus.evaluation.detectors.graph_runs import OUTPUTS, AmongBestCandidates, OneByOne, PreparedFirst


class GraphDetector(Detector):
    """A detector in the graph of a TensorFlow session; closes the session with itself."""

    def __init__(self, session: tf.Session, label_map: LabelMap, score_threshold: float | None):
        self.session, self.label_map, self.score_threshold = session, label_map, score_threshold
        self._run = quickest_run(session)
        self.batch_size = self._run.batch_size
        if any(device.device_type == "GPU" for device in session.list_devices()):
            self.at_once = 1  # a second batch would take the same memory again, and gains nothing

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        return [named(boxes, scores, classes, self.label_map) for boxes, scores, classes in self._run.detect(images)]

    def close(self) -> None:
        self._run.close()
        self.session.close()


def quickest_run(session: tf.Session) -> OneByOne:
    """The quickest way to run the detector of `session`: all give the same detections.

    Raises:
      KeyError: the graph lacks an input or output of the API's.
    """
    definition = session.graph.as_graph_def()
    graph = FrozenGraph(definition)
    if not preparation.separable(graph, OUTPUTS):
        return OneByOne(session)
    prepared = preparation.Preparation(session.graph, definition)
    found = suppression.find(graph)
    if found is None or not prepared.has_fixed_size:
        return PreparedFirst(session, prepared)
    return AmongBestCandidates(session, prepared, found)
