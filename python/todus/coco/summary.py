"""What a dataset holds, as the last thing that making one says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from todus import progress
from todus.coco.annotations import GroundTruth


def show(truths: Mapping[str, GroundTruth], manifest: Mapping) -> None:
    """The table of what was kept, split by split, and then what was not."""
    annotated = [split for split, truth in truths.items() if truth.is_annotated]
    if annotated:
        progress.say("\n".join(_table(truths, annotated)))
    for split, entry in manifest["splits"].items():
        if split not in annotated:
            progress.say(f"{split} has no annotations: all its {entry['images']:,} images are kept")
        for line in _remarks(split, entry):
            progress.say(line)


def counts(manifest: Mapping) -> str:
    return "; ".join(
        f"{split}: {entry['images']:,} images, {entry['annotations']:,} boxes"
        for split, entry in manifest["splits"].items()
    )


def _remarks(split: str, entry: Mapping) -> list[str]:
    lines = []
    if entry["negatives"]:
        lines.append(f"{split}: {entry['negatives']:,} images without any of the categories, as negatives")
    if entry["clipped"]:
        lines.append(f"{split}: {entry['clipped']:,} boxes clipped to their image")
    if entry["areas"]:
        lines.append(f"{split}: {entry['areas']:,} areas that cannot be; those of the boxes are taken")
    lines += [f"{split}: {count:,} skipped: {reason}" for reason, count in entry["skipped"].items()]
    lines += [f"{split}: {count:,} images made anew: {reason}" for reason, count in entry["converted"].items()]
    if entry["without_mask"]:
        lines.append(f"{split}: {entry['without_mask']:,} boxes have no proper outline: their masks are empty")
    if entry["size_differs"]:
        lines.append(f"warning: {entry['size_differs']:,} {split} images are not of the size in the annotation file")
    return lines


def _table(truths: Mapping[str, GroundTruth], splits: Sequence[str]) -> list[str]:
    """Images and boxes per category and split; an image counts for each category that it shows."""
    boxes = {s: Counter(a.category_id for a in truths[s].boxes) for s in splits}
    images = {s: Counter(c for _, c in {(a.image_id, a.category_id) for a in truths[s].boxes}) for s in splits}
    categories = truths[splits[0]].categories
    width = max(len("category"), *(len(category["name"]) for category in categories))
    lines = [f"{'category':{width}}" + "".join(f"{f'{s} images':>14}{f'{s} boxes':>14}" for s in splits)]
    for category in categories:
        number = category["id"]
        cells = "".join(f"{images[s][number]:>14,}{boxes[s][number]:>14,}" for s in splits)
        lines.append(f"{category['name']:{width}}{cells}")
    totals = "".join(f"{len(truths[s].images):>14,}{len(truths[s].boxes):>14,}" for s in splits)
    return [*lines, f"{'all':{width}}{totals}"]
