"""COCO's own files under dataset/mscoco/raw-data: what is missing is fetched, what is there is never changed.

Where they were fetched from is kept beside them in source.json, so that a sample of COCO never passes for COCO. Files
that the user has put there himself have no source and are taken as they are.
"""

from __future__ import annotations

import json
import posixpath
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from todus import download, files, progress
from todus.download import PATIENT, NotFound, Patience
from todus.errors import UserError
from todus.layout import RawData

DEFAULT_URL = "http://images.cocodataset.org"
ANNOTATION_ARCHIVES = {
    "train": "annotations_trainval2017.zip",
    "val": "annotations_trainval2017.zip",
    "testdev": "image_info_test2017.zip",
}


def source(raw: RawData) -> str | None:
    """The address that files here were fetched from; None where all of them are the user's own."""
    path = raw.source
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["coco_url"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} is damaged; delete it if the files beside it are those of your COCO_URL") from None


def check_source(raw: RawData, coco_url: str) -> None:
    """Raise UserError if the files here were fetched from another mirror than `coco_url`."""
    there = source(raw)
    if there is not None and not same_source(there, coco_url):
        folder = progress.shown(raw.folder)
        raise UserError(
            f"{folder} holds files of {there}, but COCO_URL is {coco_url}; "
            f"say COCO_URL={there}, or move {folder} away, or use another TODUS_HOME"
        )


def same_source(one: str, other: str) -> bool:
    """Whether two addresses mean the same mirror. One on this machine may have another port each time it is started."""
    return _normal(one) == _normal(other)


def annotations(raw: RawData, split: str, coco_url: str = DEFAULT_URL, patience: Patience = PATIENT) -> Path:
    """The annotation file of `split`, unpacked from COCO's archive of annotations if it is not there yet."""
    path = raw.annotations(split)
    if path.exists():
        return path
    archive = raw.archive(ANNOTATION_ARCHIVES[split])
    _fetch_archive(raw, "annotations", archive, coco_url, patience)
    with _opened(archive) as members:
        if path.name not in members:
            raise UserError(f"{archive} holds no {path.name}, so it is not COCO's; delete it and run again")
        progress.say(f"unpacking {path.name} from {archive.name}")
        _extract(members, path.name, path)
    return path


def single_images(
    raw: RawData,
    split: str,
    names: Sequence[str],
    coco_url: str = DEFAULT_URL,
    workers: int = download.WORKERS,
    patience: Patience = PATIENT,
) -> None:
    """See that the images `names` of `split` are there: from the split's archive if that is there, else one by one."""
    folder = raw.images(split)
    if _archive(raw, split).exists():
        _unpack_images(raw, split, _missing(folder, names))
    missing = _missing(folder, names)
    if not missing:
        return
    progress.say(
        f"fetching {len(missing):,} of {len(names):,} {split} images ({len(names) - len(missing):,} are there)"
    )
    base = f"{_mirror(coco_url)}/{folder.name}"
    pairs = [(f"{base}/{quote(name)}", folder / name) for name in missing]
    with _source_noted(raw, coco_url, [target for _, target in pairs]):
        download.fetch_all(pairs, workers, "images", patience)


def all_images(
    raw: RawData, split: str, names: Sequence[str], coco_url: str = DEFAULT_URL, patience: Patience = PATIENT
) -> None:
    """See that the images `names` of `split` are there, from the split's whole archive."""
    missing = _missing(raw.images(split), names)
    if not missing:
        return
    archive = _archive(raw, split)
    _fetch_archive(raw, "zips", archive, coco_url, patience)
    _unpack_images(raw, split, names)
    missing = _missing(raw.images(split), names)
    if missing:
        raise UserError(
            f"{archive} lacks {len(missing):,} of the {len(names):,} images of the annotation file (the first: "
            f"{missing[0]}), so the two do not belong together; delete the wrong one and run again"
        )


def _mirror(coco_url: str) -> str:
    return coco_url.rstrip("/")


def _normal(url: str) -> tuple[str, str, str]:
    """Scheme, host and path of an address, without what makes no difference."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
    except ValueError:  # no address at all; fetching from it fails with a better message
        return ("", "", url)
    place = parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ":"))
    if host in download.LOOPBACK or parts.scheme == "file":
        place = "here"
    return (parts.scheme, place, posixpath.normpath("/" + unquote(parts.path).strip("/")))


@contextmanager
def _source_noted(raw: RawData, coco_url: str, targets: Sequence[Path]) -> Iterator[None]:
    """Note where `targets` come from before the first one does, or a run that is killed would leave files of an unknown
    source. A mirror that has none of them leaves no note."""
    check_source(raw, coco_url)
    new = source(raw) is None
    if new:
        files.write_json(raw.source, {"coco_url": _mirror(coco_url)}, indent=1)
    try:
        yield
    finally:
        if new and not any(target.exists() for target in targets):
            (raw.source).unlink()


def _archive(raw: RawData, split: str) -> Path:
    return raw.archive(f"{raw.images(split).name}.zip")


def _missing(folder: Path, names: Sequence[str]) -> list[str]:
    there = {file.name for file in folder.iterdir()} if folder.is_dir() else set()
    return [name for name in names if name not in there]


def _fetch_archive(raw: RawData, folder: str, archive: Path, coco_url: str, patience: Patience) -> None:
    """Fetch `archive` from `folder` of the mirror, unless it is there."""
    if archive.exists():
        return
    url = f"{_mirror(coco_url)}/{folder}/{archive.name}"
    progress.say(f"fetching {url}")
    try:
        with _source_noted(raw, coco_url, [archive]):
            download.fetch(url, archive, archive.name, patience=patience)
    except NotFound as error:
        raise NotFound(f"{error}; COCO_URL must name a mirror with COCO's own layout") from None


def _unpack_images(raw: RawData, split: str, names: Sequence[str]) -> None:
    """Unpack those of `names` that the split's archive has; those that are there in the right size stay."""
    if not names:
        return
    archive, folder = _archive(raw, split), raw.images(split)
    with _opened(archive) as members, progress.Progress(f"unpacking {archive.name}", len(names), "image") as bar:
        for name in names:
            target = folder / name
            if name in members and not (target.exists() and target.stat().st_size == members.size(name)):
                _extract(members, name, target)
            bar.advance()


class _Members:
    """The files in an archive by their bare names; COCO keeps those of one archive in one folder."""

    def __init__(self, archive: zipfile.ZipFile):
        self.archive = archive
        self.by_name = {PurePosixPath(info.filename).name: info for info in archive.infolist() if not info.is_dir()}

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def size(self, name: str) -> int:
        return self.by_name[name].file_size


@contextmanager
def _opened(path: Path) -> Iterator[_Members]:
    """The members of an archive. Raises UserError if it is damaged or if a member would leave its folder."""
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = PurePosixPath(info.filename.replace("\\", "/"))
                if name.is_absolute() or ".." in name.parts:
                    raise UserError(f"{path} wants to write outside its folder ({info.filename}); delete it")
            yield _Members(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run again to fetch it anew") from None


def _extract(members: _Members, name: str, target: Path) -> None:
    with (
        files.atomic_file(target) as unfinished,
        members.archive.open(members.by_name[name]) as source,
        unfinished.open("wb") as copy,
    ):
        shutil.copyfileobj(source, copy, 1 << 20)
