"""COCO's archives on a mirror: fetched whole, or just the bytes of one file in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from todus import download, files, progress
from todus.coco.fetching import archives, official, origin
from todus.download import NoRange, NotFound, Patience
from todus.errors import UserError
from todus.layout import RawData

BAD_ARCHIVES = 2  # that come whole and are not what they should be, until that is given up: they are large


def fetch_archive(raw: RawData, folder: str, archive: Path, coco_url: str, patience: Patience) -> None:
    """Fetch `archive` from `folder` of the mirror, unless it is there."""
    if archive.exists():
        return
    url = f"{origin.mirror(coco_url)}/{folder}/{archive.name}"
    progress.say(f"fetching {url}")

    def check(path: Path) -> str | None:
        return archives.problem(path, url) or (
            official.problem(path, archive.name) if official.is_official(coco_url) else None
        )

    with origin.noted(raw, coco_url, [archive]), _told_of_a_wrong_mirror():
        download.fetch(url, archive, archive.name, patience=replace(patience, bad_files=BAD_ARCHIVES), check=check)


@contextmanager
def _told_of_a_wrong_mirror() -> Iterator[None]:
    try:
        yield
    except NotFound as error:
        raise NotFound(f"{error}; COCO_URL must name a mirror with COCO's own layout") from None


def fetch_annotations(raw: RawData, archive: str, path: Path, coco_url: str, patience: Patience) -> bool:
    """Take the annotation file `path` out of the mirror's `archive` without fetching all of that; False if the server
    cannot do that. Raises UserError, WorldError."""
    url = f"{origin.mirror(coco_url)}/annotations/{archive}"
    local = download.local_path(url)
    with origin.noted(raw, coco_url, [path]), _told_of_a_wrong_mirror():
        if local is not None:
            if not local.is_file():
                raise NotFound(f"there is no file {local}")
            with archives.opened(local) as members:
                extract_annotations(members, path, "give the address of another mirror")
            return True
        try:
            _fetch_member(url, path, patience)
        except (NoRange, archives.Damaged) as lack:
            progress.say(f"{lack}; so the whole archive is fetched")
            return False
    return True


def _fetch_member(url: str, path: Path, patience: Patience) -> None:
    """Fetch the bytes of one member of an archive, and unpack them. What comes damaged is fetched once more."""
    window_file = path.with_name(f"{path.name}.zipped")
    for last_try in (False, True):
        try:
            with archives.opened_remotely(url, patience) as (members, file):
                if path.name not in members:
                    raise UserError(f"{url} holds no {path.name}, so it is not COCO's; check COCO_URL")
                first, stop = members.window(path.name)
                progress.say(f"fetching {path.name} out of {url}")
                files.require_space(path.parent, stop - first + members.size(path.name), path.name)
                download.fetch(url, window_file, path.name, patience=patience, window=(first, stop))
                file.attach(first, window_file)
                extract_annotations(members, path, "check COCO_URL")
                return
        except archives.Damaged:
            if last_try:
                raise
        finally:
            window_file.unlink(missing_ok=True)


def extract_annotations(members: archives.Members, path: Path, remedy: str) -> None:
    if path.name not in members:
        raise UserError(f"{members.place} holds no {path.name}, so it is not COCO's; {remedy}")
    progress.say(f"unpacking {path.name} from {members.place.rpartition('/')[2]}")
    members.extract(path.name, path, show_progress=True)
