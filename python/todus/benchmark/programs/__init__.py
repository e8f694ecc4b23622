"""What a plain program on the device would do with an image, for each runtime, from its pixels to detections in memory.

Not the evaluation's own, quicker ways: what is timed is what a device would run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

TENSORFLOW, LITERT, ONNXRUNTIME = "tensorflow", "litert", "onnxruntime"


@dataclass(frozen=True)
class Job:
    """What to run.

    path: frozen graph, folder of a SavedModel, .tflite or .onnx.
    heads: the same without its post-processing; None where the runtime can stop before it, or it cannot be told apart.
    """

    runtime: str
    path: Path
    threads: int
    heads: Path | None = None


class Program(Protocol):
    """can_stop_at_heads: whether backbone and head can be run without post-processing."""

    can_stop_at_heads: bool

    def whole(self, image: np.ndarray) -> None:
        """Detect in `image`, uint8 [height, width, 3] RGB of any size: resize, network, post-processing."""

    def heads(self, image: np.ndarray) -> None:
        """The same without post-processing."""


def load(job: Job) -> Program:
    """Raises whatever the runtime raises where it cannot run the file."""
    if job.runtime == TENSORFLOW:
        from todus.benchmark.programs.on_tensorflow import TensorFlowProgram

        return TensorFlowProgram(job)
    if job.runtime == LITERT:
        from todus.benchmark.programs.on_litert import LiteRTProgram

        return LiteRTProgram(job)
    from todus.benchmark.programs.on_onnxruntime import OnnxruntimeProgram

    return OnnxruntimeProgram(job)
