"""What report.md and report.html say alike, and in which order."""

from __future__ import annotations

from typing import NamedTuple

from todus.evaluation.confusion import NOTHING
from todus.evaluation.report.figures import is_whole_matrix, threshold
from todus.evaluation.worst_images import COUNT


class Group(NamedTuple):
    """Evaluations that compare: on the same images and categories. name -> entry."""

    title: str
    entries: dict[str, dict]


def groups(report: dict[str, dict]) -> list[Group]:
    """First the evaluations on all categories, then those on some only."""
    by_choice: dict[tuple, dict[str, dict]] = {(): {}}
    for name, entry in report.items():
        by_choice.setdefault(tuple(entry["only"]), {})[name] = entry
    return [Group(_title(only, entries), entries) for only, entries in by_choice.items() if entries]


def _title(only: tuple, entries: dict[str, dict]) -> str:
    entry = next(iter(entries.values()))
    title = f"Dataset {entry['dataset']}: {entry['images']:,} validation images"
    return f"{title}, only {', '.join(only)}" if only else title


def facts(entry: dict) -> dict[str, str]:
    """How the evaluation was made."""
    boxes = sum(own["boxes"] for own in entry["categories"].values())
    return {
        "checkpoint": entry["checkpoint"] or "unknown",
        "score threshold": threshold(entry["score_threshold"]),
        "dataset": f"{entry['dataset']}, {entry['images']:,} images, {boxes:,} boxes (crowds not counted)",
        "evaluated": entry["evaluated"].replace("T", " "),
        "versions": ", ".join(f"{package} {version}" for package, version in entry["versions"].items()),
    }


def what_confusion_shows(entry: dict) -> str:
    how = f"score {entry['confusion']['min_score']:g} and up, IoU {entry['confusion']['iou']:g} and up"
    if not is_whole_matrix(entry):
        return f"What objects were most often taken for ({how}):"
    return (
        f"What the objects of each category (rows) were taken for ({how}). Column {NOTHING}: objects that were missed. "
        f"Row {NOTHING}: detections where no object is."
    )


def what_worst_shows(entry: dict) -> str:
    shown = len(entry["worst"])
    which = f"The {shown} worst images" if shown == COUNT else f"The {shown} images with errors, the worst first"
    return (
        f"{which}, by the number of objects missed and of false detections "
        f"(score {entry['confusion']['min_score']:g} and up, IoU {entry['confusion']['iou']:g} and up):"
    )
