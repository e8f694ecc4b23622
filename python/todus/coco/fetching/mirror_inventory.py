"""Finding out how many bytes the images of a split have: from the archive here, or from its directory on the server."""

from __future__ import annotations

from pathlib import Path

from todus import download, progress
from todus.coco.fetching import archives, origin
from todus.coco.fetching import inventory as inventories
from todus.coco.fetching.inventory import Inventory
from todus.download import NoRange, NotFound, Patience
from todus.errors import TodusError
from todus.layout import RawData


def find(raw: RawData, split: str, coco_url: str, patience: Patience) -> tuple[Inventory, bool]:
    """The inventory, and whether it is worth keeping and not kept yet. Writes nothing."""
    archive = raw.archive(f"{raw.images(split).name}.zip")
    if archive.exists():
        return _inventory_of_file(archive), False
    origin.check_source(raw, coco_url)
    found = inventories.read(raw.inventory(split))
    if found:
        return found, False
    url = f"{origin.mirror(coco_url)}/zips/{archive.name}"
    try:
        local = download.local_path(url)
        found = _inventory_of_file(local) if local else _remote_inventory(url, patience)
    except NoRange as lack:
        return inventories.as_published(archive.name, lack.size), False
    except NotFound:
        return inventories.as_published(archive.name, None), False
    except TodusError as error:  # single images may come all the same
        progress.say(f"note: {error}; going by sizes as published")
        return inventories.as_published(archive.name, None), False
    return found, bool(found.sizes)


def keep(raw: RawData, split: str, coco_url: str, found: Inventory) -> None:
    """Keep it in raw-data. For who holds its lock."""
    with origin.noted(raw, coco_url, [raw.inventory(split)]):
        inventories.write(raw.inventory(split), found)


def _inventory_of_file(archive: Path) -> Inventory:
    if not archive.is_file():
        raise NotFound(f"there is no file {archive}")
    with archives.opened(archive) as members:
        return inventories.of_sizes(archive.stat().st_size, members.sizes())


def _remote_inventory(url: str, patience: Patience) -> Inventory:
    with archives.opened_remotely(url, patience) as (members, file):
        return inventories.of_sizes(file.size, members.sizes())
