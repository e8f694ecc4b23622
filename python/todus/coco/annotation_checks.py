"""What the images and categories of an annotation file must be, so that records, label maps and JSON can hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from todus import files
from todus.errors import UserError

LONGEST_SIDE = 65_535  # pixels: JPEG's limit
MOST_INT32, MOST_INT64 = 2**31 - 1, 2**63 - 1  # ids of categories in a label map; ids of images


def check_images(images: Sequence, path: Path) -> None:
    """Raise UserError unless each has an id, the name of a file that stays in its folder, and a size; `path` is for
    messages, here and below."""
    for image in images:
        if not _is_image(image):
            what = f"an image without a proper id, file name, width or height: {_shown(image)}"
            raise UserError(f"{path} has {what}; correct it")
        if not can_be_written(image):
            raise UserError(f"{path} has an image with text that cannot be written: {_shown(image)}; correct it")


def check_categories(categories: Sequence, path: Path) -> None:
    """Raise UserError unless each has an id of 1 or more and a name of its own, and a supercategory of text or none."""
    ids, names = set(), set()
    for category in categories:
        if not _is_category(category):
            what = f"a category without a name or without an id from 1 to {MOST_INT32:,}: {_shown(category)}"
            raise UserError(f"{path} has {what}; correct it")
        if not isinstance(category.get("supercategory"), str | None) or not can_be_written(category):
            what = f"a category with something else than text in it: {_shown(category)}"
            raise UserError(f"{path} has {what}; correct it")
        for part, seen in (("id", ids), ("name", names)):
            if category[part] in seen:
                raise UserError(f"{path} has two categories with the {part} {category[part]!r}; correct it")
            seen.add(category[part])


def is_id(value: object) -> bool:
    """Whether it can be the id of an image or an annotation."""
    if isinstance(value, str):
        return can_be_written(value)
    return type(value) is int and -MOST_INT64 <= value <= MOST_INT64


def can_be_written(value: object) -> bool:
    """Whether it can become JSON: no half of a surrogate pair, not nested without end."""
    try:
        msgspec.json.encode(value)
    except (ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return False
    return True


def _is_image(image: object) -> bool:
    if not isinstance(image, dict) or not is_id(image.get("id")):
        return False
    has_size = all(type(side) is int and 0 < side <= LONGEST_SIDE for side in (image.get("width"), image.get("height")))
    return has_size and files.is_plain_name(image.get("file_name"))


def _is_category(category: object) -> bool:
    if not isinstance(category, dict) or not isinstance(category.get("name"), str) or not category["name"].strip():
        return False
    return type(category.get("id")) is int and 0 < category["id"] <= MOST_INT32


def _shown(value: object) -> str:
    try:
        return f"{value!r:.200}"
    except RecursionError:
        return "..."
