"""What dataset.json must hold to be of use: it may have been cut off, edited, or written by another version."""

from __future__ import annotations

import msgspec

from todus import layout


class _Source(msgspec.Struct):
    file: str
    bytes: int
    sha256: str


class _Files(msgspec.Struct):
    annotations: int
    records: list[int]


class _Split(msgspec.Struct):
    images: int
    annotations: int
    size_differs: int
    without_mask: int
    converted: dict[str, int]
    negatives: int
    clipped: int
    areas: int
    skipped: dict[str, int]
    files: _Files
    source: _Source
    coco_url: str | None
    todus: str


class _Parameters(msgspec.Struct):
    splits: list[str]
    negatives: float
    seed: int
    masks: bool


class _Category(msgspec.Struct):
    id: int
    name: str
    supercategory: str


class _Manifest(msgspec.Struct):
    format: int
    parameters: _Parameters
    preview: bool
    categories: list[_Category]
    files: dict[str, int]
    splits: dict[str, _Split]
    known_categories: list[_Category]


def fits(manifest: object, number: int) -> bool:
    """Whether `manifest`, as read from JSON, is a whole dataset.json of the format `number`."""
    try:
        found = msgspec.convert(manifest, _Manifest)
    except msgspec.ValidationError:
        return False
    splits = found.parameters.splits
    return (
        found.format == number
        and splits
        and sorted(splits) == sorted(found.splits)
        and {category.name for category in found.categories} <= {category.name for category in found.known_categories}
        and all(len(found.splits[split].files.records) == layout.SHARDS.get(split) for split in splits)
    )
