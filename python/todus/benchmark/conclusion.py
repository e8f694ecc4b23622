"""Did fewer categories make it faster? One sentence, from the figures alone."""

from __future__ import annotations

from collections.abc import Mapping

from todus.benchmark.figures import CONFIDENCE, Figures, Speed

LITTLE = 1.05  # a speed that is less is told as little


def conclusion(
    classes: tuple[int, int], pretrained: Figures | None, limited: Figures | None, others: Mapping[str, Figures]
) -> str:
    """
    Args:
      classes: that the pretrained and the limited model score.
      pretrained, limited: of the two frozen graphs; None where one could not be timed.
      others: of the limited model's other formats, by what the table calls them.

    Returns:
      "" where there is nothing to compare.
    """
    if pretrained is None or limited is None or limited.speed is None:
        return ""
    return " ".join(filter(None, (_answer(classes, pretrained, limited, limited.speed), _fastest(limited, others))))


def _answer(classes: tuple[int, int], pretrained: Figures, limited: Figures, speed: Speed) -> str:
    if classes[0] == classes[1]:
        return f"No categories were cut: both frozen graphs have {classes[0]}."
    before, after = f"{pretrained.median:.1f}", f"{limited.median:.1f}"
    times = f"{speed.ratio:.2f} x, {CONFIDENCE} % interval {speed.low:.2f}-{speed.high:.2f}"
    parts = _parts(pretrained, limited)
    cut = f"{classes[0]} -> {classes[1]} categories"
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


def _fastest(limited: Figures, others: Mapping[str, Figures]) -> str:
    """What another format brings, if that is more."""
    timed = {title: figures for title, figures in others.items() if figures.speed is not None}
    if not timed:
        return ""
    title, best = max(timed.items(), key=lambda item: item[1].speed.ratio)
    if best.speed.low <= max(1.0, limited.speed.high):
        return "No other format here is measurably faster."
    return f"The fastest format here is {title}: {best.median:.1f} ms, {best.speed.ratio:.1f} x."
