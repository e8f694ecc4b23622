"""A .tflite file in LiteRT's interpreter."""

from __future__ import annotations

import numpy as np

from todus.benchmark.programs import Job, Resizer
from todus.converting import tflite_file
from todus.converting.tflite_runner import Runner


class LiteRTProgram:
    def __init__(self, job: Job):
        facts = tflite_file.facts_in(job.path)
        self._resized = Resizer(facts, job.threads)
        normalisation = (facts.mean, facts.deviation)
        self._whole = Runner(job.path, *normalisation, threads=job.threads)
        self._heads = Runner(job.heads, *normalisation, threads=job.threads) if job.heads else None
        self.can_stop_at_heads = self._heads is not None

    def whole(self, image: np.ndarray) -> list[np.ndarray]:
        return self._whole(self._resized(image))

    def heads(self, image: np.ndarray) -> None:
        self._heads.invoke(self._heads.stored(self._resized(image)))
