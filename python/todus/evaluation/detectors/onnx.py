"""A detector from an ONNX file, run by onnxruntime on all cores: a thread for each image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from todus.converting import greedy_suppression
from todus.converting.onnx_facts import BOXES, CLASSES, COUNT, RAW_BOXES, RAW_SCORES, SCORES
from todus.converting.onnx_runner import Runner
from todus.evaluation.detectors.detector import Detections, Detector, named


class OnnxDetector(Detector):
    """Of any form but TensorRT's. Images are resized as the frozen graph does, by the file itself if it can."""

    def __init__(self, path: Path, threads: int):
        self._runner = Runner(path)
        self.label_map, self.batch_size = self._runner.facts.label_map, threads
        self.score_threshold = self._runner.facts.score_threshold
        self._threads = ThreadPoolExecutor(threads)

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        return list(self._threads.map(self._detect, images))

    def _detect(self, image: np.ndarray) -> Detections:
        outputs = self._runner(image)
        if RAW_BOXES in outputs:
            raw = (outputs[name][0] for name in (RAW_BOXES, RAW_SCORES))
            found = greedy_suppression.suppressed(*raw, self._runner.facts)
        else:
            there = slice(int(outputs[COUNT][0]))
            found = (outputs[name][0, there] for name in (BOXES, SCORES, CLASSES))
        return named(*found, self.label_map)

    def close(self) -> None:
        self._threads.shutdown()
        self._runner.close()


def open_detector(path: Path, threads: int | None = None) -> OnnxDetector:
    """See detectors.from_onnx.

    Args:
      threads: how many images at a time; None for as many as there are cores.
    """
    return OnnxDetector(path, threads or os.cpu_count() or 1)
