"""One file on its way from this disk: what a file address means."""

from __future__ import annotations

import urllib.parse
import urllib.request
from pathlib import Path

from todus import files
from todus.downloading.transfer import CHUNK, Check
from todus.downloading.transport import NotFound
from todus.errors import UserError, WorldError


def local_path(url: str) -> Path | None:
    """The path that a file address means; None for http and https. Raises UserError for any other address."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise UserError(f"cannot fetch {url}: not a valid address ({error})") from None
    if parts.scheme in ("http", "https"):
        if not parts.hostname:
            raise UserError(f"cannot fetch {url}: not a valid address (it names no server)")
        return None
    if parts.scheme != "file":
        raise UserError(f"cannot fetch {url}; give an address that starts with http://, https:// or file://")
    if parts.netloc not in ("", "localhost"):
        raise UserError(f"cannot fetch {url}; a file address has three slashes: file:///folder")
    return Path(urllib.request.url2pathname(parts.path))


class Copy:
    """`source`, or a window of it, on the way to `target`: a transfer that comes at once or not at all."""

    def __init__(
        self, url: str, source: Path, target: Path, check: Check | None, window: tuple[int, int] | None = None
    ):
        self.url, self.source, self.target, self.check, self.window = url, source, target, check, window

    def attempt(self) -> None:
        if not self.source.is_file():
            raise NotFound(f"there is no file {self.source}")
        first, stop = self.window or (0, self.source.stat().st_size)
        files.require_space(self.target.parent, stop - first, self.target.name)
        with files.atomic_file(self.target) as unfinished:
            with self.source.open("rb") as source, unfinished.open("wb") as copy:
                source.seek(first)
                while block := source.read(min(CHUNK, stop - source.tell())):
                    copy.write(block)
            reason = self.check(unfinished) if self.check else None
            if reason:
                raise WorldError(f"cannot fetch {self.url}: {reason}")

    def forget(self) -> None:
        """Nothing is left of a copy that failed."""
