"""Normalise pixels as a network in floating point takes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Normalisation:
    """(pixel - mean) / deviation of each channel, rounded to float32 after either step.

    With numbers for three channels NumPy's innermost loop would be of length three, which takes ten times as long: one
    number does where all are equal, and else a row of the image's width.
    """

    def __init__(self, mean: Sequence[float], deviation: Sequence[float], width: int):
        self._mean, self._deviation = (_as_long_as_need_be(values, width) for values in (mean, deviation))

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 or float32 [..., width, channels] -> float32 of the same shape."""
        return (pixels - self._mean) / self._deviation


def _as_long_as_need_be(values: Sequence[float], width: int) -> np.ndarray:
    channels = np.array(values, np.float32)
    return channels[:1] if (channels == channels[0]).all() else np.tile(channels, (width, 1))
