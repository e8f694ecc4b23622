"""An ONNX file in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from todus.benchmark.programs import Job, resizing
from todus.converting import onnx_file
from todus.converting.onnx_facts import FLOAT, IMAGE, NCHW

_ERRORS_ONLY = 3


class OnnxruntimeProgram:
    def __init__(self, job: Job):
        _, self._facts, self._form = onnx_file.load(job.path)
        resizing.set_threads(job.threads)
        self._mean, self._deviation = (
            np.array(values, np.float32) for values in (self._facts.mean, self._facts.deviation)
        )
        self._whole = _session(job.path, job.threads)
        self._heads = _session(job.heads, job.threads) if job.heads else None
        self.can_stop_at_heads = self._heads is not None

    def whole(self, image: np.ndarray) -> None:
        self._whole.run(None, {IMAGE: self._fed(image)})

    def heads(self, image: np.ndarray) -> None:
        self._heads.run(None, {IMAGE: self._fed(image)})

    def _fed(self, image: np.ndarray) -> np.ndarray:
        fed = image[np.newaxis] if self._form.preprocess else resizing.resized(image, self._facts)
        if self._form.input == FLOAT:
            fed = (fed - self._mean) / self._deviation
        return np.ascontiguousarray(fed.transpose(0, 3, 1, 2)) if self._form.layout == NCHW else fed


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _ERRORS_ONLY
    # Its threads would go on turning for a while after an image, on the cores of the format that comes next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
