"""Where the files in raw-data come from: noted beside them, so that a sample of COCO never passes for COCO."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from todus import download, files, progress
from todus.errors import UserError
from todus.layout import RawData


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


@contextmanager
def noted(raw: RawData, coco_url: str, targets: Sequence[Path]) -> Iterator[None]:
    """Note where `targets` come from before the first one does, or a run that is killed would leave files of an unknown
    source. A mirror that has none of them leaves no note."""
    check_source(raw, coco_url)
    new = source(raw) is None
    if new:
        files.write_json(raw.source, {"coco_url": mirror(coco_url)}, indent=1)
    try:
        yield
    finally:
        if new and not any(target.exists() for target in targets):
            raw.source.unlink()


def mirror(coco_url: str) -> str:
    """The address that the names of files are put to, after a slash."""
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
