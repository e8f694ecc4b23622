"""How many parameters a network has."""

from __future__ import annotations

import math
from pathlib import Path

from todus import checkpoint


def count(prefix: Path) -> int:
    """The numbers that the checkpoint `prefix` of an export holds for the network: weights, biases, and the four of
    every channel of batch normalization. Single numbers (the step, the ranges of fake quantization) and anchors, which
    are computed, are none. A converter folds batch normalization into the weights; that is not counted anew.
    """
    shapes = checkpoint.shapes(prefix)
    return sum(math.prod(shape) for shape in shapes.values() if shape)
