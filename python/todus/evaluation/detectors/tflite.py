"""A detector from a .tflite file, run by LiteRT on all cores: an interpreter of one thread for each."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from todus.coco.label_map import LabelMap
from todus.converting import resizer, tflite_file
from todus.converting.tflite_runner import POST_PROCESS, Runner
from todus.errors import UserError
from todus.evaluation.detectors.detector import Detections, Detector, named
from todus.evaluation.detectors.raw_heads import RawHeads
from todus.exporting.tflite_facts import Facts
from todus.layout import LABELS
from todus.progress import shown


class TFLiteDetector(Detector):
    """Floating-point, uint8 and int8 inputs; with TFLite_Detection_PostProcess or with raw heads.

    Images are resized as the frozen graph does. One thread an interpreter is the most images in a second, and the only
    right way where suppression is regular: with N threads TensorFlow Lite leaves out class number N.
    """

    def __init__(self, path: Path, label_map: LabelMap, facts: Facts | None, interpreters: int):
        self.label_map, self.batch_size = label_map, interpreters
        self.score_threshold = facts.score_threshold if facts else None
        normalisation = (facts.mean, facts.deviation) if facts else ()
        runners = [Runner(path, *normalisation) for _ in range(interpreters)]
        self._free: queue.LifoQueue[Runner] = queue.LifoQueue()  # one that has run is warm, and runs again
        for runner in runners:
            self._free.put(runner)
        self._resize = resizer.Resizer(*runners[0].size, facts.resize if facts else "BILINEAR")
        self._heads = _heads(path, runners[0], facts)
        self._threads = ThreadPoolExecutor(interpreters)

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        return list(self._threads.map(self._detect, images))

    def _detect(self, image: np.ndarray) -> Detections:
        pixels = self._resize(image)
        with self._runner() as runner:
            outputs = runner(pixels)
        boxes, classes, scores = self._heads(*outputs) if self._heads else _found(*outputs)
        return named(boxes, scores, classes + 1, self.label_map)

    @contextmanager
    def _runner(self) -> Iterator[Runner]:
        runner = self._free.get()
        try:
            yield runner
        finally:
            self._free.put(runner)

    def close(self) -> None:
        self._threads.shutdown()
        self._resize.close()
        if self._heads:
            self._heads.close()


def open_detector(path: Path, otherwise: LabelMap | None = None, interpreters: int | None = None) -> TFLiteDetector:
    """See detectors.from_tflite.

    Args:
      interpreters: how many to run at a time; None for as many as there are cores.
    """
    facts = tflite_file.facts_in(path)
    label_map = facts.label_map if facts else _labels(path, otherwise)
    return TFLiteDetector(path, label_map, facts, interpreters or os.cpu_count() or 1)


def _labels(path: Path, otherwise: LabelMap | None) -> LabelMap:
    """Of a file that is not of Todus: those that it carries, if any."""
    lines = tflite_file.labels_in(path)
    if lines:
        return LabelMap(dict(enumerate(lines, start=1)))
    if otherwise is None:
        raise UserError(
            f"{shown(path)} does not name its classes, and there is no {LABELS} beside it; write one there, "
            f"a category a line"
        )
    return otherwise


def _heads(path: Path, runner: Runner, facts: Facts | None) -> RawHeads | None:
    """What decodes raw heads; None where the file does it by itself."""
    if len(runner.outputs) == 4 and POST_PROCESS in runner.operations:
        return None
    anchors = tflite_file.anchors_in(path)
    if facts is None or anchors is None or len(runner.outputs) != 2:
        raise UserError(
            f"{shown(path)} has neither {POST_PROCESS} nor anchors of Todus, so nobody can read its outputs"
        )
    return RawHeads(anchors, facts)


def _found(
    boxes: np.ndarray, classes: np.ndarray, scores: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes, classes and scores, as the frozen graph gives them: the operation neither clips boxes to the image nor
    leaves out those that lie outside of it."""
    there = slice(int(count[0]))
    clipped = np.clip(boxes[0, there], 0, 1)
    has_area = (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    return clipped[has_area], classes[0, there][has_area].astype(int), scores[0, there][has_area]
