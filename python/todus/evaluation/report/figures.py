"""The tables of the report, as the terminal, report.md and report.html all show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from todus.evaluation.confusion import NOTHING
from todus.markdown import percent

LABELS = {
    "AP": "AP",
    "AP50": "AP50",
    "AP75": "AP75",
    "AP_small": "AP small",
    "AP_medium": "AP medium",
    "AP_large": "AP large",
    "AR_1": "AR, 1 detection",
    "AR_10": "AR, 10 detections",
    "AR_100": "AR, 100 detections",
    "AR_small": "AR small",
    "AR_medium": "AR medium",
    "AR_large": "AR large",
}

MOST_CATEGORIES = 20  # of which the whole matrix of confusions can still be read
MOST_CONFUSIONS = 20  # lines of the list that takes its place


class Table(NamedTuple):
    """Cells as text; the first column names the row."""

    head: list[str]
    rows: list[list[str]]


def side_by_side(entries: Mapping[str, dict]) -> Table:
    """The 12 figures, a column for each evaluation; and which threshold was in force."""
    rows = [
        [label, *(percent(entry["summary"].get(key)) for entry in entries.values())] for key, label in LABELS.items()
    ]
    rows.append(["score threshold", *(threshold(entry["score_threshold"]) for entry in entries.values())])
    return Table(["figure", *_graphs(entries)], rows)


def categories_side_by_side(entries: Mapping[str, dict]) -> Table:
    """AP of each category, a column for each evaluation."""
    first = next(iter(entries.values()))["categories"]
    rows = [
        [name, str(own["boxes"]), *(percent(entry["categories"][name]["AP"]) for entry in entries.values())]
        for name, own in first.items()
    ]
    return Table(["AP of", "boxes", *_graphs(entries)], rows)


def _graphs(entries: Mapping[str, dict]) -> list[str]:
    """Not the names of the evaluations, which tell the categories too: these are the same in a table."""
    return [entry["graph"] for entry in entries.values()]


def by_category(entry: dict) -> Table:
    rows = [
        [name, percent(own["AP"]), percent(own["AP50"]), percent(own["AR_100"]), str(own["boxes"])]
        for name, own in entry["categories"].items()
    ]
    return Table(["category", "AP", "AP50", "recall", "boxes"], rows)


def by_size(entry: dict) -> Table:
    ranges = {"small": "up to 32 x 32 pixels", "medium": "up to 96 x 96", "large": "above"}
    summary = entry["summary"]
    rows = [
        [f"{size} ({ranges[size]})", percent(summary[f"AP_{size}"]), percent(summary[f"AR_{size}"]), str(boxes)]
        for size, boxes in entry["sizes"].items()
    ]
    return Table(["size", "AP", "recall", "boxes"], rows)


def confusion(entry: dict) -> Table:
    """What the objects of each category (rows) were taken for (columns); with many categories the most frequent errors.

    The last row has the detections where no such object is, the last column the objects that were missed.
    """
    counts: dict[str, dict[str, int]] = entry["confusion"]["counts"]
    if len(counts) - 1 > MOST_CATEGORIES:
        return _most_frequent(counts)
    return Table(
        ["object / taken for", *counts],
        [[name, *(str(found.get(other, 0)) for other in counts)] for name, found in counts.items()],
    )


def is_whole_matrix(entry: dict) -> bool:
    return len(entry["confusion"]["counts"]) - 1 <= MOST_CATEGORIES


def _most_frequent(counts: dict[str, dict[str, int]]) -> Table:
    errors = [
        (count, name, other)
        for name, found in counts.items()
        for other, count in found.items()
        if NOTHING not in (name, other) and name != other
    ]
    errors.sort(key=lambda error: -error[0])
    rows = [[name, other, str(count)] for count, name, other in errors[:MOST_CONFUSIONS]]
    return Table(["object", "taken for", "times"], rows)


def threshold(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
