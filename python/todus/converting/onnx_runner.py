"""Run an ONNX file of Todus with onnxruntime, on images as they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from todus.converting import onnx_file
from todus.converting.onnx_facts import FLOAT, IMAGE, NCHW, TENSORRT, Form
from todus.converting.resizer import Resizer
from todus.errors import UserError
from todus.exporting.tflite_facts import Facts
from todus.progress import shown

_ERRORS_ONLY = 3


def session(model: onnx.ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session on the CPU; its run() may be called from several threads.

    Raises:
      UserError: onnxruntime cannot run the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
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
    """Makes of an image what the input takes. May be called from several threads."""

    def __init__(self, facts: Facts, form: Form):
        self._form = form
        self._resize = None if form.preprocess else Resizer(facts.height, facts.width, facts.resize)
        self._mean, self._deviation = (np.array(values, np.float32) for values in (facts.mean, facts.deviation))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """A batch of one of `image`, which is uint8 [height, width, 3], RGB."""
        fed = self._resize(image) if self._resize else image[np.newaxis]
        if self._form.input == FLOAT:
            fed = (fed - self._mean) / self._deviation
        elif self._resize:
            fed = np.floor(fed + 0.5).astype(np.uint8)  # 8 bits are what the input can hold
        return np.ascontiguousarray(fed.transpose(0, 3, 1, 2)) if self._form.layout == NCHW else fed

    def close(self) -> None:
        if self._resize:
            self._resize.close()
