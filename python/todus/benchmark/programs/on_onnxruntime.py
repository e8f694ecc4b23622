"""An ONNX file in onnxruntime."""

from __future__ import annotations

import numpy as np

from todus.benchmark.programs import Job, Resizer
from todus.converting import onnx_file, onnx_runner
from todus.converting.onnx_facts import BOXES, CLASSES, COUNT, IMAGE, SCORES


class OnnxruntimeProgram:
    def __init__(self, job: Job):
        model, facts, form = onnx_file.load(job.path)
        self._fed = onnx_runner.Feeder(facts, form, Resizer(facts, job.threads))
        self._whole = onnx_runner.session(model, job.threads)
        self._heads = onnx_runner.session(job.heads, job.threads) if job.heads else None
        self.can_stop_at_heads = self._heads is not None

    def whole(self, image: np.ndarray) -> list[np.ndarray]:
        return self._whole.run([BOXES, CLASSES, SCORES, COUNT], {IMAGE: self._fed(image)})

    def heads(self, image: np.ndarray) -> None:
        self._heads.run(None, {IMAGE: self._fed(image)})
