"""What a user chooses of COCO: splits and categories, from the text of SPLITS and CATEGORIES."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from todus import layout, progress
from todus.coco import categories, label_map
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
    names = [category["name"] for category in known]
    official = list(label_map.read(layout.COCO_LABEL_MAP).names.values()) == names
    listed_in = progress.shown(layout.COCO_LABEL_MAP if official else annotation_file)
    return [category["name"] for category in categories.parse(text, known, listed_in)]
