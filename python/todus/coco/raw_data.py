"""COCO's own files under dataset/mscoco/raw-data: what is missing is fetched, what is there is never changed.

Where they were fetched from is kept beside them in source.json, so that a sample of COCO never passes for COCO. Files
that the user has put there himself have no source and are taken as they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from todus import download, files, progress
from todus.coco import encoded_image
from todus.coco.fetching import archives, fetch_plan, mirror_archives, mirror_inventory, origin
from todus.coco.fetching.fetch_plan import ARCHIVE, AUTO, WAYS
from todus.coco.fetching.inventory import Inventory
from todus.coco.fetching.official import DEFAULT_URL
from todus.coco.fetching.origin import check_source, same_source, source
from todus.download import PATIENT, NotFound, Patience
from todus.downloading.transfer import size_of
from todus.errors import UserError, WorldError
from todus.layout import RawData

__all__ = ["AUTO", "DEFAULT_URL", "WAYS", "Inventory", "annotations", "images", "inventory"]
__all__ += ["check_source", "same_source", "source"]

ANNOTATION_ARCHIVES = {
    "train": "annotations_trainval2017.zip",
    "val": "annotations_trainval2017.zip",
    "testdev": "image_info_test2017.zip",
}


def annotations(raw: RawData, split: str, coco_url: str = DEFAULT_URL, patience: Patience = PATIENT) -> Path:
    """The annotation file of `split`.

    If it is not there yet, it is unpacked from COCO's archive of annotations. From one on a server only the bytes of
    this file are fetched, if the server can do that.

    Raises UserError (another source, an archive that is damaged or not COCO's), WorldError (network, disk).
    """
    path = raw.annotations(split)
    if path.exists():
        return path
    with files.locked(raw.folder):
        files.sweep(raw.annotations_folder)
        archive = raw.archive(ANNOTATION_ARCHIVES[split])
        if not archive.exists() and mirror_archives.fetch_annotations(raw, archive.name, path, coco_url, patience):
            return path
        mirror_archives.fetch_archive(raw, "annotations", archive, coco_url, patience)
        with archives.opened(archive) as members:
            mirror_archives.extract_annotations(members, path, "delete it and run again")
    return path


def images(
    raw: RawData,
    split: str,
    names: Sequence[str],
    coco_url: str = DEFAULT_URL,
    fetch: str = AUTO,
    connections: int = download.WORKERS,
    patience: Patience = PATIENT,
) -> None:
    """See that the images `names` of `split` are there.

    Those missing come from the split's archive if that is there. Else they are fetched one by one, `connections` at
    once, or with the archive, as `fetch` (one of WAYS) says; "auto" takes whatever moves fewer bytes.

    Raises UserError (another source, a name that is no file name, an archive that does not belong to the annotations),
    WorldError (network, disk), which names what is missing.
    """
    _check_names(names)
    names = list(dict.fromkeys(names))  # two images may have one file
    if not _missing(raw.images(split), names):
        return
    with files.locked(raw.folder):
        files.sweep(raw.images(split))
        archive = raw.archive(f"{raw.images(split).name}.zip")
        missing = _unpack(raw, split, names) if archive.exists() else _missing(raw.images(split), names)
        if not missing:
            return
        known, is_new = mirror_inventory.find(raw, split, coco_url, patience)
        if is_new:
            mirror_inventory.keep(raw, split, coco_url, known)
        if not archive.exists():
            plan = fetch_plan.choose(fetch, split, missing, known, size_of(archive.with_name(archive.name + ".part")))
            progress.say(plan.reason)
            if plan.way == ARCHIVE:
                room = plan.download + known.size(missing)
                files.require_space(raw.folder, room, f"{archive.name} and {len(missing):,} images out of it")
                mirror_archives.fetch_archive(raw, "zips", archive, coco_url, patience)
                missing = _unpack(raw, split, names)
        if missing and fetch == ARCHIVE:
            raise UserError(
                f"{archive} lacks {len(missing):,} of the {len(names):,} images of the annotation file (the first: "
                f"{missing[0]}), so the two do not belong together; delete the wrong one and run again"
            )
        try:
            _fetch_one_by_one(raw, split, missing, known, coco_url, connections, patience)
        except NotFound as error:
            still_missing = _missing(raw.images(split), missing)
            if archive.exists() or known.archive_size is None or not known.holds(still_missing):
                raise
            raise NotFound(f"{error}; {archive.name} on the server may hold what is missing: FETCH=archive") from None


def inventory(raw: RawData, split: str, coco_url: str = DEFAULT_URL, patience: Patience = PATIENT) -> Inventory:
    """How many bytes the images of `split` and their archive have.

    That is read from the directory of the archive, here or on the server (10 MB of the 19 GB of train2017.zip), and
    kept in raw-data/inventory. Where the server cannot do that, it is an estimate (not `is_exact`): sizes as published.

    Nobody else is kept off raw-data for that: where another run is at work in it, or where it cannot be written to, the
    inventory is not kept.

    Raises UserError (another source, an archive that is damaged or a danger).
    """
    found, is_new = mirror_inventory.find(raw, split, coco_url, patience)
    if is_new:
        with contextlib.suppress(WorldError, OSError), files.locked(raw.folder):
            mirror_inventory.keep(raw, split, coco_url, found)
    return found


def _fetch_one_by_one(
    raw: RawData,
    split: str,
    missing: Sequence[str],
    known: Inventory,
    coco_url: str,
    connections: int,
    patience: Patience,
) -> None:
    folder, size = raw.images(split), known.size(missing)
    files.require_space(folder, size, f"{len(missing):,} images")
    base = f"{origin.mirror(coco_url)}/{folder.name}"
    pairs = [(f"{base}/{quote(name, safe='')}", folder / name) for name in missing]
    with origin.noted(raw, coco_url, [target for _, target in pairs]):
        download.fetch_all(pairs, connections, "images", patience, _image_problem, size)


def _image_problem(path: Path) -> str | None:
    problem = encoded_image.problem(path.read_bytes())
    return f"what came is no whole image ({problem})" if problem else None


def _check_names(names: Sequence[str]) -> None:
    """Raise UserError for a name that could mean a file outside its folder."""
    for name in names:
        if not files.is_plain_name(name):
            raise UserError(f"the annotations name an image {name!r}, which is not a file name; they are not COCO's")


def _missing(folder: Path, names: Sequence[str]) -> list[str]:
    there = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    return [name for name in names if name not in there]


def _unpack(raw: RawData, split: str, names: Sequence[str]) -> list[str]:
    """Unpack those of `names` that are missing and that the split's archive has. Returns those that are still missing.

    What is there stays: if it is of another size than in the archive, it may be the user's own.
    """
    archive, folder = raw.archive(f"{raw.images(split).name}.zip"), raw.images(split)
    missing = _missing(folder, names)
    with archives.opened(archive) as members:
        _warn_of_others(members, folder, set(names).difference(missing))
        needed = [name for name in missing if name in members]
        size = sum(members.size(name) for name in needed)
        files.require_space(folder, size, f"{len(needed):,} images of {archive.name}")
        with progress.Progress(f"unpacking {archive.name}", size, "B") as bar:
            for name in needed:
                members.extract(name, folder / name)
                bar.advance(members.size(name))
    return _missing(folder, names)


def _warn_of_others(members: archives.Members, folder: Path, there: Iterable[str]) -> None:
    others = sorted(name for name in there if name in members and size_of(folder / name) != members.size(name))
    if others:
        first = progress.shown(folder / others[0])
        progress.say(
            f"warning: {len(others):,} images are not of the size that they have in {folder.name}.zip (the first: "
            f"{first}); they are taken as they are; delete them and run again to unpack them anew"
        )
