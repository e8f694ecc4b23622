"""What a plain program on the device would do with an image, for each runtime, from its pixels to detections in memory.

Not the evaluation's own, quicker ways: what is timed is what a device would run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from todus.exporting.tflite_facts import Facts

TENSORFLOW, LITERT, ONNXRUNTIME = "tensorflow", "litert", "onnxruntime"


@dataclass(frozen=True)
class Job:
    """What to run.

    path: frozen graph, folder of a SavedModel, .tflite or .onnx.
    heads: the same file without its post-processing; None where the runtime can stop before it, or it cannot be told
      apart.
    """

    runtime: str
    path: Path
    threads: int
    heads: bytes | None = field(default=None, repr=False)


class Program(Protocol):
    """can_stop_at_heads: whether backbone and head can be run without post-processing."""

    can_stop_at_heads: bool

    def whole(self, image: np.ndarray) -> list[np.ndarray]:
        """Detect in `image`, uint8 [height, width, 3] RGB of any size: resize, network, post-processing.

        Returns:
          boxes [1, n, 4], classes [1, n], scores [1, n] and count [1], as the file gives them.
        """

    def heads(self, image: np.ndarray) -> None:
        """The same without post-processing."""


def job_of(path: Path, threads: int) -> Job:
    """How `path`, a frozen graph, the folder of a SavedModel, a .tflite or .onnx, is run."""
    if path.suffix == ".tflite":
        from todus.converting import tflite_file

        return Job(LITERT, path, threads, tflite_file.without_post_processing(path.read_bytes()))
    if path.suffix == ".onnx":
        from todus.converting import onnx_check, onnx_file

        heads = onnx_check.without_suppression(onnx_file.load(path)[0])
        return Job(ONNXRUNTIME, path, threads, heads.SerializeToString())
    return Job(TENSORFLOW, path, threads)


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


class Resizer:
    """Brings an image to a network's size by OpenCV, as most programs on devices do. It takes no antialiasing filter,
    as TensorFlow's operation in a frozen graph takes none."""

    def __init__(self, facts: Facts, threads: int):
        import cv2

        methods = {
            "BILINEAR": cv2.INTER_LINEAR,
            "NEAREST_NEIGHBOR": cv2.INTER_NEAREST,
            "BICUBIC": cv2.INTER_CUBIC,
            "AREA": cv2.INTER_AREA,
        }
        self._resize, self._size, self._method = cv2.resize, (facts.width, facts.height), methods[facts.resize]
        cv2.setNumThreads(threads)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """uint8 [height, width, 3] of any size -> uint8 [1, the network's height, its width, 3]."""
        return self._resize(image, self._size, interpolation=self._method)[np.newaxis]
