"""Single images or the whole archive: whichever moves fewer bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from todus.coco.fetching.inventory import Inventory
from todus.progress import human_size

AUTO, IMAGES, ARCHIVE = WAYS = ("auto", "images", "archive")
HEADERS = 500  # bytes that a request and its answer move besides the image


@dataclass(frozen=True)
class Plan:
    """`way` is IMAGES or ARCHIVE, `download` the bytes that it moves, `reason` a line for the user."""

    way: str
    download: int
    reason: str


def choose(fetch: str, split: str, missing: Sequence[str], inventory: Inventory, of_archive: int) -> Plan:
    """How to fetch the `missing` images of a split.

    `fetch` is one of WAYS; `of_archive` bytes of the archive are here already.
    """
    images = inventory.size(missing) + HEADERS * len(missing)
    archive = None if inventory.archive_size is None else max(inventory.archive_size - of_archive, 0)
    way = fetch if fetch != AUTO else _cheaper(images, archive if inventory.holds(missing) else None)
    doing = "fetching one by one" if way == IMAGES else "fetching the archive"
    if fetch != AUTO:
        doing += f", as FETCH={fetch} says"
    text = (
        f"{len(missing):,} {split} images one by one move {_about(inventory)}{human_size(images)}, {_archive(archive)}"
    )
    if archive is not None and of_archive:
        text += " more"
    if archive is not None and not inventory.holds(missing):
        text += " and lacks some of them"
    return Plan(way, images if way == IMAGES else archive or 0, f"{text}: {doing}")


def _cheaper(images: int, archive: int | None) -> str:
    return IMAGES if archive is None or images <= archive else ARCHIVE


def _about(inventory: Inventory) -> str:
    return "" if inventory.is_exact else "about "


def _archive(size: int | None) -> str:
    return "the size of the archive is not known" if size is None else f"the archive {human_size(size)}"
