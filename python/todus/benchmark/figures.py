"""What timings say: medians, how much faster one format is than another, and whether fewer categories made it faster.
Pure functions of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from todus.benchmark.timing import Timings

RESAMPLES = 2000
CONFIDENCE = 95  # percent
LITTLE = 1.05  # a speed that is less is told as little
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


def conclusion(
    classes: tuple[int, int],
    quantized: tuple[bool, bool],
    pretrained: Figures | None,
    limited: Figures | None,
    others: Mapping[str, Figures],
) -> str:
    """Did fewer categories make it faster? In a few sentences.

    Args:
      classes: that the pretrained and the limited model score.
      quantized: whether the one and the other graph have fake quantization.
      pretrained, limited: of the two frozen graphs; None where one could not be timed.
      others: of the limited model's other formats, by what the table calls them.

    Returns:
      "" where there is nothing to compare.
    """
    if pretrained is None or limited is None or limited.speed is None:
        return ""
    said = [_answer(classes, pretrained, limited, limited.speed)]
    if quantized[0] != quantized[1]:
        which = ("pretrained", "limited") if quantized[0] else ("limited", "pretrained")
        said.append(
            "That is not the doing of the categories alone: the {} graph has fake quantization, the {} one has "
            "none.".format(*which)
        )
    return " ".join(filter(None, (*said, _fastest(limited.speed, others))))


def _answer(classes: tuple[int, int], pretrained: Figures, limited: Figures, speed: Speed) -> str:
    if classes[0] == classes[1]:
        return f"No categories were cut: both frozen graphs have {classes[0]} classes."
    before, after = f"{pretrained.median:.1f}", f"{limited.median:.1f}"
    times = f"{speed.ratio:.2f} x, {CONFIDENCE} % interval {speed.low:.2f}-{speed.high:.2f}"
    parts = _parts(pretrained, limited)
    cut = f"{classes[0]} -> {classes[1]} classes"
    question = "Did fewer categories make it faster?"
    if speed.low <= 1 <= speed.high:
        return f"{question} Not measurably: with {cut} an image takes {after} ms instead of {before} ({times}){parts}."
    answer = ("Yes, a little" if speed.ratio < LITTLE else "Yes") if speed.ratio > 1 else "No, it is slower"
    return f"{question} {answer}: {cut} took an image from {before} to {after} ms ({times}){parts}."


def _parts(pretrained: Figures, limited: Figures) -> str:
    """Where the time went."""
    if None in (pretrained.heads, pretrained.post_processing, limited.heads, limited.post_processing):
        return ""
    return (
        f": post-processing from {pretrained.post_processing:.1f} to {limited.post_processing:.1f} ms, "
        f"backbone and head from {pretrained.heads:.1f} to {limited.heads:.1f}"
    )


def _fastest(limited: Speed, others: Mapping[str, Figures]) -> str:
    """What another format brings, if that is more: the one that is surely fast, and those that may be as fast."""
    timed = {title: figures for title, figures in others.items() if figures.speed is not None}
    if not timed:
        return ""
    least = max(figures.speed.low for figures in timed.values())
    if least <= limited.high:
        return "No other format here is measurably faster."
    fastest = sorted(
        (title for title, figures in timed.items() if figures.speed.high >= least),
        key=lambda title: -timed[title].speed.low,
    )
    first = timed[fastest[0]]
    if len(fastest) == 1:
        return f"The fastest format here is {fastest[0]}: {first.median:.1f} ms, {first.speed.ratio:.1f} x."
    names = f"{', '.join(fastest[:-1])} and {fastest[-1]}"
    milliseconds = _range([timed[title].median for title in fastest])
    times = _range([timed[title].speed.ratio for title in fastest])
    return f"The fastest formats here, by as much as can be told, are {names}: {milliseconds} ms, {times} x."


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low}-{high}"
