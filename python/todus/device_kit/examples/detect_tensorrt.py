"""Detect objects in images with TensorRT 8.5 or later and the engine beside this file.

    .venv/bin/python detect.py photo.jpg another.jpg
    .venv/bin/python detect.py photo.jpg --threshold 0.5 --draw drawn     with pictures of what was found, in drawn/
    .venv/bin/python detect.py *.jpg --json > found.jsonl                 for programs: an object a line; boxes are x,
                                                                          y, width and height in pixels

Needs numpy, pillow, cuda-python and TensorRT's own Python package; README.md has the command that builds the engine.
The categories, and what to do with images and outputs, are in model.json. Written by TensorRT's documentation, and
not yet run on such a device by those who wrote it.
"""

from __future__ import annotations

import argparse
import sys

from common import inside, main
from engine import context_of, description, load, require
from pixels import prepared

try:
    import numpy as np
    import tensorrt
    from PIL import Image, ImageDraw, ImageFont, ImageOps  # noqa: F401  (common.py's)

    try:
        from cuda.bindings import runtime as cuda
    except ImportError:  # cuda-python before 11.8.4 and 12.6.1
        from cuda import cudart as cuda
except ImportError as error:
    sys.exit(f"detect.py: {error}; README.md says what to install; then: .venv/bin/python detect.py")

INPUT = "image"
SUFFIX = ".engine"
REMEDY = "build it as README.md says, or name one with --model"


class Detector:
    """An engine that was built of an ONNX model with the plugin EfficientNMS_TRT."""

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        pass

    def __init__(self, options: argparse.Namespace):
        self.facts = description()
        self.labels = self.facts["labels"]
        self.engine = load(options.model)
        self.context = context_of(self.engine)
        size = (self.facts["height"], self.facts["width"])
        shape = (1, 3, *size) if self.facts["layout"] == "nchw" else (1, *size, 3)
        require(self.context.set_input_shape(INPUT, shape), f"built it for other images than {shape}")
        names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
        self.host = {name: self.array(name) for name in names}
        self.device = {name: checked(cuda.cudaMalloc(array.nbytes)) for name, array in self.host.items()}
        for name, address in self.device.items():
            require(self.context.set_tensor_address(name, int(address)), f"takes no memory for {name}")

    def array(self, name: str) -> np.ndarray:
        """Room for an input or output, of a batch of one."""
        kind = tensorrt.DataType
        kinds = {kind.FLOAT: np.float32, kind.INT32: np.int32, kind.UINT8: np.uint8}
        return np.zeros(tuple(self.context.get_tensor_shape(name)), kinds[self.engine.get_tensor_dtype(name)])

    def __call__(self, image: np.ndarray) -> tuple:
        """What is in an image, best first.

        Args:
          image: uint8 [height, width, 3] of any size, RGB.

        Returns:
          Boxes float32 [n, 4], ymin, xmin, ymax, xmax, 0..1; classes int [n], 1 is the first label; scores float32 [n].
        """
        host = self.host[INPUT]
        host[0] = prepared(image, self.facts)
        there, back = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice, cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        checked(cuda.cudaMemcpy(self.device[INPUT], host.ctypes.data, host.nbytes, there))
        require(self.context.execute_async_v3(0), "could not run the engine")  # in CUDA's default stream
        checked(cuda.cudaDeviceSynchronize())
        for name, host in self.host.items():
            if name != INPUT:
                checked(cuda.cudaMemcpy(host.ctypes.data, self.device[name], host.nbytes, back))
        return found(self.host)


def checked(answer: tuple) -> object:
    """What a function of CUDA gives, which tells first whether it went well."""
    if int(answer[0]) != 0:
        raise RuntimeError(f"CUDA says {answer[0]}")
    return answer[1] if len(answer) > 1 else None


def found(outputs: dict) -> tuple:
    """Boxes, classes and scores from the outputs of EfficientNMS_TRT for one image, whose boxes are not clipped."""
    there = slice(int(outputs["num_detections"][0, 0]))
    boxes, scores = outputs["detection_boxes"][0, there], outputs["detection_scores"][0, there]
    return inside(boxes, outputs["detection_classes"][0, there].astype(int), scores)


if __name__ == "__main__":
    sys.exit(main(Detector, SUFFIX, REMEDY))
