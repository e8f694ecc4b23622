"""What timings say: medians, and how much faster one format is than another. Pure functions of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from todus.benchmark.timing import Timings

RESAMPLES = 2000
CONFIDENCE = 95  # percent
RESTLESS = 2.0  # times the fastest tenth that p95 is where the machine does other things, too


@dataclass(frozen=True)
class Speed:
    """How many times as fast as a reference: the median over the rounds, and its confidence interval."""

    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Figures:
    """Milliseconds an image. `heads` (backbone and head, resizing included) and `post_processing` are None where they
    cannot be told apart, by the runtime or because they differ by less than the timings do among themselves; `speed` is
    None without a reference."""

    median: float
    p95: float
    heads: float | None
    post_processing: float | None
    speed: Speed | None


def of(timings: Timings, reference: Timings | None) -> Figures:
    """
    Args:
      reference: timings of the same rounds.
    """
    whole, heads = (1000 * np.array(seconds) for seconds in (timings.whole, timings.heads))
    can_be_told = heads.size > 0 and interval(whole - heads)[0] > 0
    return Figures(
        float(np.median(whole)),
        float(np.percentile(whole, 95)),
        float(np.median(heads)) if can_be_told else None,
        float(np.median(whole - heads)) if can_be_told else None,
        speed(timings.whole, reference.whole) if reference else None,
    )


def speed(seconds: Sequence[float], reference: Sequence[float]) -> Speed:
    """By the ratios within each round, which what disturbs a round disturbs little."""
    ratios = np.array(reference) / np.array(seconds)
    return Speed(float(np.median(ratios)), *interval(ratios))


def are_restless(timings: Timings) -> bool:
    """Whether an image takes so much longer now and then that it is not the image's doing."""
    fast, slow = np.percentile(timings.whole, [10, 95])
    return bool(slow > RESTLESS * fast)


def interval(values: np.ndarray) -> tuple[float, float]:
    """The confidence interval of the median by the bootstrap's percentiles (Efron, 1979); the same for the same values.

    Args:
      values: float64 [n].
    """
    rows = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    outside = (100 - CONFIDENCE) / 2
    low, high = np.percentile(np.median(values[rows], axis=1), [outside, 100 - outside])
    return float(low), float(high)
