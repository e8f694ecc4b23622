"""A .tflite file in LiteRT's interpreter."""

from __future__ import annotations

import numpy as np

from todus.benchmark.programs import Job, resizing
from todus.converting import tflite_file
from todus.converting.tflite_runner import Runner
from todus.exporting.tflite_facts import REGULAR


class LiteRTProgram:
    """With regular suppression it has one thread: with N of them TensorFlow Lite leaves out class number N."""

    def __init__(self, job: Job):
        self._facts = tflite_file.facts_in(job.path)
        threads = 1 if self._facts.suppression == REGULAR else job.threads
        resizing.set_threads(threads)
        normalisation = (self._facts.mean, self._facts.deviation)
        self._whole = Runner(job.path, *normalisation, threads=threads)
        self._heads = Runner(job.heads, *normalisation, threads=threads) if job.heads else None
        self.can_stop_at_heads = self._heads is not None

    def whole(self, image: np.ndarray) -> None:
        self._whole.invoke(self._fed(image))
        self._whole.read()

    def heads(self, image: np.ndarray) -> None:
        self._heads.invoke(self._fed(image))

    def _fed(self, image: np.ndarray) -> np.ndarray:
        pixels = resizing.resized(image, self._facts)
        as_they_are = self._whole.takes_pixels and self._whole.input["dtype"] == np.uint8
        return pixels if as_they_are else self._whole.stored(pixels.astype(np.float32))
