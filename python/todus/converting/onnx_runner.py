"""Run an ONNX file of Todus with onnxruntime, on images as they come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime

from todus.converting import onnx_file
from todus.converting.normalisation import Normalisation
from todus.converting.onnx_facts import FLOAT, IMAGE, NCHW, TENSORRT, Form
from todus.errors import UserError
from todus.exporting.tflite_facts import Facts
from todus.progress import shown

if TYPE_CHECKING:
    from todus.converting.resizer import Resizer

_ERRORS_ONLY = 3


def session(model: onnx.ModelProto | bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session on the CPU; its run() may be called from several threads.

    Raises:
      UserError: onnxruntime cannot run the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    # Its threads would go on turning for a while after an image, on the cores of whatever runs next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    content = model if isinstance(model, bytes) else model.SerializeToString()
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # a class of its own for each reason, all of them straight from Exception
        reason = " ".join(str(error).split())
        raise UserError(f"onnxruntime cannot run the model: {reason}; convert it anew") from None


class Runner:
    """An ONNX file that runs. May be called from several threads.

    Raises:
      UserError: as onnx_file.load; or it is for TensorRT.
    """

    def __init__(self, path: Path, threads: int = 1):
        model, self.facts, self.form = onnx_file.load(path)
        if self.form.nms == TENSORRT:
            remedy = "for one that runs here: make convert-onnx NMS=onnx"
            raise UserError(f"{shown(path)} has a plugin of TensorRT's, which onnxruntime has not; {remedy}")
        self._session = session(model, threads)
        self._names = [output.name for output in self._session.get_outputs()]
        self._feeder = Feeder(self.facts, self.form)

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by their names, for an image uint8 [height, width, 3] of any size."""
        outputs = self._session.run(self._names, {IMAGE: self._feeder(image)})
        return dict(zip(self._names, outputs, strict=True))

    def close(self) -> None:
        self._feeder.close()


class Feeder:
    """Makes of an image what the input takes. May be called from several threads.

    Args:
      resize: what brings an image to the network's size, a batch of one; None for TensorFlow's own operation.
    """

    def __init__(self, facts: Facts, form: Form, resize: Callable[[np.ndarray], np.ndarray] | None = None):
        self._form = form
        self._resizer = None if form.preprocess or resize else _resizer(facts)
        self._resize = None if form.preprocess else resize or self._resizer
        self._normalised = Normalisation(facts.mean, facts.deviation, facts.width)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """A batch of one of `image`, which is uint8 [height, width, 3], RGB."""
        fed = self._resize(image) if self._resize else image[np.newaxis]
        if self._form.input == FLOAT:
            fed = self._normalised(fed)
        elif fed.dtype != np.uint8:
            fed = np.floor(fed + 0.5).astype(np.uint8)  # 8 bits are what the input can hold
        return np.ascontiguousarray(fed.transpose(0, 3, 1, 2)) if self._form.layout == NCHW else fed

    def close(self) -> None:
        if self._resizer:
            self._resizer.close()


def _resizer(facts: Facts) -> Resizer:
    from todus.converting import resizer  # TensorFlow: only where it resizes

    return resizer.of(facts)
