"""How far a converted model is from the graph it was made of, on one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from todus.errors import WorldError

_LEAST_SPREAD = 0.01  # outputs that hardly differ among themselves are compared by this


class DisagreementError(WorldError):
    """The converter has made something else of the graph."""


@dataclass(frozen=True)
class Distance:
    """Of boxes and scores from those of the graph: root mean square of the difference, as a share of their spread.

    A model that is wrong (another image, channels swapped) is at 0.5 to 1.4. Not a number where shapes differ.
    """

    boxes: float
    scores: float

    @property
    def largest(self) -> float:
        return max(self.boxes, self.scores)


def distance(expected: list[np.ndarray], found: list[np.ndarray]) -> Distance:
    """Of boxes and scores `found` from those `expected`."""
    return Distance(*(_apart(*pair) for pair in zip(expected, found, strict=True)))


def _apart(expected: np.ndarray, found: np.ndarray) -> float:
    if expected.shape != found.shape:
        return float("nan")
    apart = np.sqrt(np.mean(np.square(expected - found, dtype=np.float64)))
    return float(apart / max(expected.std(dtype=np.float64), _LEAST_SPREAD))
