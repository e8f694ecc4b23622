"""Detect objects in images with TensorRT 5.1 to 8 and the engine beside this file, which was built of a .uff file.

    .venv/bin/python detect.py photo.jpg another.jpg
    .venv/bin/python detect.py photo.jpg --threshold 0.5 --draw drawn     with pictures of what was found, in drawn/
    .venv/bin/python detect.py *.jpg --json > found.jsonl                 for programs: an object a line; boxes are x,
                                                                          y, width and height in pixels

Needs numpy, pillow, pycuda and TensorRT's own Python package; README.md has the command that builds the engine. Runs
on Python 3.6, as JetPack 4 has it. The categories, and what to do with images and outputs, are in model.json. Written
by TensorRT's documentation, and not yet run on such a device by those who wrote it.
"""

import argparse
import ctypes
import sys

from common import inside, main
from engine import context_of, description, load, require
from pixels import prepared

try:
    import numpy as np
    import pycuda.autoinit  # noqa: F401  (takes the GPU)
    import pycuda.driver as cuda
    import tensorrt
    from PIL import Image, ImageDraw, ImageFont, ImageOps  # noqa: F401  (common.py's)
except ImportError as error:
    sys.exit(f"detect.py: {error}; README.md says what to install; then: .venv/bin/python detect.py")

SUFFIX = ".engine"
REMEDY = "build it as README.md says, or name one with --model"


class Detector:
    """An engine that was built of a .uff file, whose last node is the plugin NMS_TRT."""

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--plugin", metavar="FILE.so", help="a library of plugins to load first")

    def __init__(self, options: argparse.Namespace):
        self.facts = description()
        self.labels = self.facts["labels"]
        if options.plugin:
            ctypes.CDLL(options.plugin)
        self.engine = load(options.model)
        self.context = context_of(self.engine)
        self.host = [self.array(i) for i in range(self.engine.num_bindings)]
        self.device = [cuda.mem_alloc(array.nbytes) for array in self.host]

    def array(self, binding: int) -> np.ndarray:
        """Room for an input or output of one image; shapes of such engines leave the batch out."""
        kinds = {tensorrt.DataType.FLOAT: np.float32, tensorrt.DataType.INT32: np.int32}
        return np.zeros(tuple(self.engine.get_binding_shape(binding)), kinds[self.engine.get_binding_dtype(binding)])

    def __call__(self, image: np.ndarray) -> tuple:
        """What is in an image, best first.

        Args:
          image: uint8 [height, width, 3] of any size, RGB.

        Returns:
          Boxes float32 [n, 4], ymin, xmin, ymax, xmax, 0..1; classes int [n], 1 is the first label; scores float32 [n].
        """
        is_input = [self.engine.binding_is_input(i) for i in range(len(self.host))]
        place = is_input.index(True)
        self.host[place][:] = prepared(image, self.facts)
        cuda.memcpy_htod(self.device[place], self.host[place])
        require(self.context.execute(1, [int(memory) for memory in self.device]), "could not run the engine")
        outputs = [i for i in range(len(self.host)) if not is_input[i]]
        for i in outputs:
            cuda.memcpy_dtoh(self.host[i], self.device[i])
        detections = max((self.host[i] for i in outputs), key=np.size)  # the other output is how many there are
        return found(detections)


def found(detections: np.ndarray) -> tuple:
    """Boxes, classes and scores from the output of NMS_TRT, seven numbers for each detection of one image.

    They are image, label, score, xmin, ymin, xmax, ymax; the label is -1 where there is no detection.
    """
    rows = detections.reshape(-1, 7)
    rows = rows[rows[:, 1] > 0]
    return inside(rows[:, [4, 3, 6, 5]], rows[:, 1].astype(int), rows[:, 2])


if __name__ == "__main__":
    sys.exit(main(Detector, SUFFIX, REMEDY))
