"""What a user chooses of COCO: splits and categories, from the text of SPLITS and CATEGORIES."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from todus import layout, progress
from todus.coco import categories, label_map, raw_data
from todus.coco.fetching import official
from todus.errors import UserError

DEFAULT_SPLITS = "train val"


def splits(text: str) -> tuple[str, ...]:
    """The splits that `text` names, each once, in the order train, val, testdev. Raises UserError."""
    names = text.replace(",", " ").split()
    unknown = [name for name in names if name not in layout.SHARDS]
    if unknown or not names:
        what = f"unknown split {', '.join(unknown)}" if unknown else "no splits are given"
        raise UserError(f"{what}; SPLITS takes {' '.join(layout.SHARDS)}")
    return tuple(split for split in layout.SHARDS if split in names)


def category_names(text: str, known: Sequence[Mapping], annotation_file: Path) -> list[str]:
    """The names of the categories that `text` means, in the order of `known`, which `annotation_file` holds.

    Raises UserError that tells where all names are listed.
    """
    is_official = names_of(known) == names_of(_official_categories())
    listed_in = progress.shown(layout.COCO_LABEL_MAP if is_official else annotation_file)
    return names_of(categories.parse(text, known, listed_in))


def check_before_fetching(text: str, raw: layout.RawData, split: str, coco_url: str) -> None:
    """Raise UserError for categories that cannot be right, before the annotations are fetched, which takes a while.

    That is known where no name is given, and of COCO's own server.
    """
    path = raw.annotations(split)
    is_here = path.exists() or raw.archive(raw_data.ANNOTATION_ARCHIVES[split]).exists()
    if not text.replace(",", " ").split() or (official.is_official(coco_url) and not is_here):
        category_names(text, _official_categories(), path)


def names_of(known: Sequence[Mapping]) -> list[str]:
    return [category["name"] for category in known]


def require_same(known: Sequence[Mapping], others: Sequence[Mapping], path: Path, with_ids: bool = False) -> None:
    """Raise UserError unless the annotation file `path` has, as `others`, the categories `known` of the split before
    it, in whatever order; `with_ids`: under the same ids too."""

    def meant(categories: Sequence[Mapping]) -> dict[str, int]:
        return {category["name"]: category["id"] if with_ids else 0 for category in categories}

    if meant(known).keys() != meant(others).keys():
        raise UserError(f"{path} has other categories than the split before it; the splits do not match")
    if meant(known) != meant(others):
        raise UserError(f"{path} has other category ids than the split before it; the splits do not match")


def _official_categories() -> list[dict]:
    groups = {number: group for group, numbers in official.SUPERCATEGORIES.items() for number in numbers}
    names = label_map.read(layout.COCO_LABEL_MAP).names
    return [{"id": number, "name": name, "supercategory": groups[number]} for number, name in names.items()]
