"""How much of COCO shows a category, or any of several: images, boxes, and what they weigh."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from todus.coco import annotations
from todus.coco.fetching.inventory import Inventory


@dataclass
class Category:
    """What one split shows of a category."""

    images: set[Hashable] = field(default_factory=set)  # ids
    areas: list[float] = field(default_factory=list)  # width times height of every box, in square pixels
    crowds: int = 0  # of the boxes


@dataclass(frozen=True)
class Split:
    """One split of COCO, counted."""

    categories: Mapping[str, Category]  # by name, in the order of the file; none is left out
    names: Mapping[Hashable, str]  # image id -> file name, of all images, also of those that show nothing
    sizes: Inventory

    def file_names(self, images: Iterable[Hashable]) -> list[str]:
        return [self.names[image] for image in images]

    def showing(self, categories: Iterable[str]) -> set[Hashable]:
        """The ids of the images that show any of these categories."""
        return set().union(*(self.categories[name].images for name in categories))


@dataclass(frozen=True)
class Figures:
    """Counts of one category or of several together."""

    images: int  # that show any of them; one that shows several counts once
    boxes: int  # those of crowds included
    crowds: int  # of the boxes
    median_area: float | None  # of the boxes, width times height in square pixels; None where there is none
    bytes: int  # of the images' files


def count(truth: annotations.GroundTruth, sizes: Inventory) -> Split:
    """Count what a dataset made of this annotation file would hold: boxes are clipped and dropped as they are there."""
    kept, _ = annotations.clean(truth)
    categories = {category["name"]: Category() for category in kept.categories}
    by_id = {category["id"]: categories[category["name"]] for category in kept.categories}
    for box in kept.boxes:
        category = by_id[box.category_id]
        category.images.add(box.image_id)
        category.areas.append(box.bbox[2] * box.bbox[3])
        category.crowds += bool(box.iscrowd)
    return Split(categories, {image["id"]: image["file_name"] for image in kept.images}, sizes)


def figures(splits: Iterable[Split], categories: Sequence[str]) -> Figures:
    """The figures of these categories together, over the splits together."""
    return _figures([(split, categories, split.showing(categories)) for split in splits])


def figures_of_all(splits: Iterable[Split]) -> Figures:
    """The figures of all categories together, with the images that show nothing."""
    return _figures([(split, list(split.categories), split.names.keys()) for split in splits])


def _figures(parts: Sequence[tuple[Split, Sequence[str], Collection[Hashable]]]) -> Figures:
    members = [split.categories[name] for split, categories, _ in parts for name in categories]
    areas = list(chain.from_iterable(member.areas for member in members))
    return Figures(
        images=sum(len(images) for _, _, images in parts),
        boxes=len(areas),
        crowds=sum(member.crowds for member in members),
        median_area=statistics.median(areas) if areas else None,
        bytes=sum(split.sizes.size(split.file_names(images)) for split, _, images in parts),
    )
