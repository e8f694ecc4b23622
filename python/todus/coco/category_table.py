"""The categories of COCO as a table for people, 80 columns wide at most for COCO's own names."""

from __future__ import annotations

from collections.abc import Sequence

from todus import progress
from todus.coco import counts
from todus.coco.survey import Survey

CHOSEN = "*"
HEADINGS = ("images", "boxes", "crowds", "median px²", "download")
WIDTHS = (9, 10, 8, 12, 11)


def lines(survey: Survey) -> list[str]:
    """The categories under their supercategories, the chosen ones marked; below, these together, and all of COCO."""
    rows: list[tuple[str, counts.Figures]] = []
    for group, members in survey.groups.items():
        if group:
            rows.append((f"  {group}", survey.figures(members)))
        for name in members:
            rows.append((f"{CHOSEN if name in survey.chosen else ' '}   {name}", survey.figures([name])))
    totals = [
        (f"{CHOSEN} CATEGORIES together", survey.figures(survey.chosen)),
        ("  all of COCO", survey.figures_of_all()),
    ]
    width = max(len(label) for label, _ in rows + totals)
    heading = _row(f"  {' + '.join(survey.splits)}", HEADINGS, width)
    rule = "-" * len(heading)
    return [heading, rule, *(_figures_row(*row, width) for row in rows), rule] + [
        _figures_row(*row, width) for row in totals
    ]


def notes(survey: Survey) -> list[str]:
    """What the table leaves unsaid, a line each."""
    texts = [
        "An image counts once in each line, whatever it shows; crowds are among the boxes; the median is of box areas.",
        f"Download is that of the images one by one, by {_measure(survey)}.",
    ]
    for split, files in survey.unlabelled.items():
        size = ("about " if split in survey.estimated else "") + progress.human_size(files.bytes)
        texts.append(f"{split} has no boxes: its {files.images:,} images ({size}) come besides, whatever you choose.")
    if survey.there.images:
        wanted = survey.figures(survey.chosen)
        left = progress.human_size(wanted.bytes - survey.there.bytes)
        there = f"{survey.there.images:,} of the {wanted.images:,} images with CATEGORIES are there already"
        texts.append(f"{there}; {left} to fetch.")
    return texts


def _measure(survey: Survey) -> str:
    estimate = "an estimate: their number times the mean size"
    if survey.sizes_are_exact:
        return "the sizes of their files"
    estimated = [split for split in survey.splits if split in survey.estimated]
    if len(estimated) == len(survey.splits):
        return estimate
    return f"the sizes of their files; for {' and '.join(estimated)} by {estimate}"


def _figures_row(label: str, figures: counts.Figures, width: int) -> str:
    whole = [f"{number:,}" for number in (figures.images, figures.boxes, figures.crowds)]
    median = "-" if figures.median_area is None else f"{figures.median_area:,.0f}"
    return _row(label, [*whole, median, progress.human_size(figures.bytes)], width)


def _row(label: str, cells: Sequence[str], width: int) -> str:
    return f"{label:{width}}" + "".join(f"{cell:>{size}}" for cell, size in zip(cells, WIDTHS, strict=True))
