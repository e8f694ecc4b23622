"""How many bytes the images of a split have: from the directory of its archive, or as published."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from todus import files
from todus.coco.fetching import official


@dataclass(frozen=True)
class Inventory:
    """The archive of a split and what it holds.

    `archive_size` is in bytes; None where the mirror has no such archive, or does not say. `sizes` are the bytes of
    each image by its file name; empty where they are not known, and `mean` stands for all of them.
    """

    archive_size: int | None
    mean: float
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_exact(self) -> bool:
        return bool(self.sizes)

    def size(self, names: Iterable[str]) -> int:
        """Bytes of these images together; those not in the archive count as much as an image does on the average."""
        return round(sum(self.sizes.get(name, self.mean) for name in names))

    def holds(self, names: Iterable[str]) -> bool:
        """Whether the archive has all of them, as far as is known."""
        return not self.is_exact or all(name in self.sizes for name in names)


def of_sizes(archive_size: int, sizes: Mapping[str, int]) -> Inventory:
    if not sizes:
        return Inventory(archive_size, 0.0)
    return Inventory(archive_size, sum(sizes.values()) / len(sizes), sizes)


def as_published(archive: str, archive_size: int | None) -> Inventory:
    """An estimate for a mirror that does not tell; `archive` is COCO's name, e.g. train2017.zip."""
    return Inventory(archive_size, official.ARCHIVES[archive].mean)


def read(path: Path) -> Inventory | None:
    """What `write` has written; None where there is nothing of use."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        sizes = kept["sizes"]
        if sizes and all(isinstance(size, int) for size in (kept["archive_size"], *sizes.values())):
            return of_sizes(kept["archive_size"], sizes)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def write(path: Path, inventory: Inventory) -> None:
    files.write_json(path, {"archive_size": inventory.archive_size, "sizes": dict(inventory.sizes)})
