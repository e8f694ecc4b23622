"""Run a .tflite file: pixels in, outputs in floating point, whatever types the file has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from todus.converting.normalisation import Normalisation
from todus.converting.quiet import quiet
from todus.converting.tflite_file import POST_PROCESS
from todus.errors import UserError

_MEAN = _DEVIATION = (127.5, 127.5, 127.5)  # of most SSDs; for files that do not tell
_SIGN = np.uint8(128)  # the bit that tells pixel - 128, int8, from pixel, uint8


class Runner:
    """An interpreter; not to be used by two threads at once.

    takes_pixels: whether the input's 256 steps are the 256 values of a pixel, so that there is nothing to compute.

    Args:
      mean, deviation: for each channel; a network in floating point takes (pixel - mean) / deviation.
      keeps_tensors: hold every tensor for `raw_outputs`, which takes memory.

    Raises:
      UserError: TensorFlow Lite cannot run the model.
    """

    def __init__(
        self,
        model: bytes | Path,
        mean: Sequence[float] = _MEAN,
        deviation: Sequence[float] = _DEVIATION,
        threads: int = 1,
        keeps_tensors: bool = False,
    ):
        given = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        try:
            with quiet():
                self._interpreter = Interpreter(
                    **given, num_threads=threads, experimental_preserve_all_tensors=keeps_tensors
                )
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"TensorFlow Lite cannot run the model: {reason}; convert it anew") from None
        self.input = self._interpreter.get_input_details()[0]
        self.outputs = self._interpreter.get_output_details()
        self._normalised = Normalisation(mean, deviation, self.input["shape"][-2])
        self.takes_pixels = self._takes_pixels(mean, deviation)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image, pixels."""
        _, height, width, _ = self.input["shape"].tolist()
        return height, width

    @property
    def operations(self) -> list[str]:
        """The names of the model's operations; what a delegate makes of them besides is not counted."""
        return [operation["op_name"] for operation in self._interpreter._get_ops_details()]

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        """The outputs, float32, in the order of the file.

        Args:
          pixels: float32 [1, height, width, 3], 0..255, RGB.
        """
        self.invoke(self.stored(pixels))
        return self.read()

    def invoke(self, stored: np.ndarray) -> None:
        """Run the model on an image as its input holds it."""
        self._interpreter.set_tensor(self.input["index"], stored)
        self._interpreter.invoke()

    def read(self) -> list[np.ndarray]:
        """The outputs of the last image, float32, in the order of the file."""
        return [self._read(output) for output in self.outputs]

    def stored(self, pixels: np.ndarray) -> np.ndarray:
        """`pixels`, float32 or uint8, as the input holds them: normalised, or of 8 bits where it is quantized."""
        scale, zero_point = self.input["quantization"]
        if not scale:
            return self._normalised(pixels).astype(self.input["dtype"], copy=False)
        limits = np.iinfo(self.input["dtype"])
        if self.takes_pixels and pixels.dtype == np.uint8:
            return pixels if limits.min == 0 else (pixels ^ _SIGN).view(np.int8)
        steps = pixels + limits.min if self.takes_pixels else self._normalised(pixels) / scale + zero_point
        return np.clip(np.floor(steps + 0.5), limits.min, limits.max).astype(limits.dtype)

    def _takes_pixels(self, mean: Sequence[float], deviation: Sequence[float]) -> bool:
        scale, zero_point = self.input["quantization"]
        if not scale:
            return False
        limits = np.iinfo(self.input["dtype"])
        mean, deviation = (np.array(values, np.float32) for values in (mean, deviation))
        black, white = ((value - mean) / deviation / scale + zero_point for value in (0, 255))
        return bool((np.abs(black - limits.min) < 1.5).all() and (np.abs(white - limits.max) < 1.5).all())

    def seen(self, pixels: np.ndarray) -> np.ndarray:
        """float32: what the network makes of `pixels`, rounded to what its input can hold."""
        return _in_floating_point(self.stored(pixels), self.input)

    def raw_outputs(self) -> list[np.ndarray]:
        """Box encodings and class scores of the last image, before post-processing; needs `keeps_tensors`."""
        for operation in self._interpreter._get_ops_details():
            if operation["op_name"] == POST_PROCESS:
                tensors = {tensor["index"]: tensor for tensor in self._interpreter.get_tensor_details()}
                return [self._read(tensors[index]) for index in operation["inputs"][:2]]
        return [self._read(output) for output in self.outputs]

    def _read(self, tensor: dict) -> np.ndarray:
        return _in_floating_point(self._interpreter.get_tensor(tensor["index"]), tensor)


def _in_floating_point(values: np.ndarray, tensor: dict) -> np.ndarray:
    scale, zero_point = tensor["quantization"]
    if not scale:
        return values.astype(np.float32)
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
