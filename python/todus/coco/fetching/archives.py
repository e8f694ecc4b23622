"""The members of COCO's zip archives, on this disk or on a server, and the dangers of archives from elsewhere."""

from __future__ import annotations

import errno
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from todus import files
from todus.downloading.remote_file import RemoteFile
from todus.downloading.transport import Patience
from todus.errors import UserError, WorldError
from todus.progress import Progress

MOST_RATIO = 200  # a member that grows more than so many times when it is unpacked is a trap; JSON grows five times
SMALL = 1 << 20  # bytes that no member is refused for
MOST_BYTES = 1 << 33  # of one member; COCO's largest has half a gigabyte
BLOCK = 1 << 20  # bytes unpacked at a time
LOCAL_HEADER = 30 + 2 * 0xFFFF + 24  # bytes that stand with a member besides its own, at most
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError),  # methods, passwords, numbers and names of garbage
)


class Damaged(WorldError):  # noqa: N818  (the archive, on a server)
    """What came of an archive is not what should have come."""


class Members:
    """The files in an archive by their bare names; COCO keeps those of one archive in one folder.

    `place` is what messages call the archive.
    """

    def __init__(self, archive: zipfile.ZipFile, place: str):
        self.archive, self.place = archive, place
        self.by_name: dict[str, zipfile.ZipInfo] = {}
        self.ambiguous: set[str] = set()
        for info in archive.infolist():
            _refuse_escape(info, place)
            name = info.filename.rpartition("/")[2]
            if not info.filename.endswith("/"):  # is_dir() cannot take an empty name before Python 3.12
                if name in self.by_name:
                    self.ambiguous.add(name)
                self.by_name[name] = info

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def sizes(self) -> dict[str, int]:
        """Bytes of each file when unpacked, as announced."""
        return {name: info.file_size for name, info in self.by_name.items()}

    def size(self, name: str) -> int:
        return self.by_name[name].file_size

    def window(self, name: str) -> tuple[int, int]:
        """Where the bytes of a member lie in the archive: its first, and one past its last or a little more."""
        info = self._checked(name)
        others = (other.header_offset for other in self.archive.infolist())
        following = [offset for offset in others if offset > info.header_offset]
        stop = min([*following, self.archive.start_dir, info.header_offset + LOCAL_HEADER + info.compress_size])
        if info.header_offset < 0 or stop - info.header_offset <= info.compress_size:
            raise zipfile.BadZipFile(f"its directory lies about {name}")
        return info.header_offset, stop

    def extract(self, name: str, target: Path, show_progress: bool = False) -> None:
        """Unpack a member to `target`, whole and with the right checksum, or not at all."""
        info = self._checked(name)
        files.require_space(target.parent, info.file_size, name)
        with files.atomic_file(target) as unfinished:
            with self.archive.open(info) as source, unfinished.open("wb") as copy:
                if show_progress:
                    with Progress(f"unpacking {name}", info.file_size, "B") as bar:
                        _copy(source, copy, bar.advance)
                else:
                    shutil.copyfileobj(source, copy, BLOCK)
            written = unfinished.stat().st_size
            if written != info.file_size:
                raise zipfile.BadZipFile(f"{name} has {written:,} bytes, not the {info.file_size:,} announced")

    def _checked(self, name: str) -> zipfile.ZipInfo:
        """What the directory says of a member. Raises UserError if it cannot be taken at its word."""
        info = self.by_name[name]
        if name in self.ambiguous:
            raise UserError(f"{self.place} holds two files called {name}; it is not COCO's, do not trust it")
        if info.file_size > max(SMALL, min(MOST_BYTES, MOST_RATIO * info.compress_size)):
            raise UserError(
                f"{self.place} announces {info.file_size:,} bytes for {name}, packed in {info.compress_size:,}; "
                f"do not trust it"
            )
        return info


@contextmanager
def opened(path: Path) -> Iterator[Members]:
    """The members of an archive on this disk. Raises UserError if it is damaged or a danger, also when one is read."""
    try:
        with _garbage_told(), zipfile.ZipFile(path) as archive:
            yield Members(archive, str(path))
    except DAMAGE as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run again to fetch it anew") from None


@contextmanager
def opened_remotely(url: str, patience: Patience) -> Iterator[tuple[Members, RemoteFile]]:
    """The members of an archive on a server, of which only the directory is fetched; and the archive as a file.

    Raises NoRange, NotFound, WorldError (also if it is damaged), UserError (a danger).
    """
    try:
        file = RemoteFile(url, patience)
        with zipfile.ZipFile(file) as archive:
            yield Members(archive, url), file
    except DAMAGE as error:
        raise Damaged(f"{url} is damaged ({error})") from None


def problem(path: Path, place: str) -> str | None:
    """What is wrong with a file that should be a zip archive; None: nothing, as far as its directory tells.

    Raises UserError if it is a danger, in which `place` is what it is called.
    """
    try:
        with _garbage_told(), zipfile.ZipFile(path) as archive:
            Members(archive, place)
    except DAMAGE as error:
        return f"what came is not a whole zip archive ({error})"
    return None


@contextmanager
def _garbage_told() -> Iterator[None]:
    """A place before the beginning of a file, which only a directory of garbage names, is no error of the disk."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise zipfile.BadZipFile("its directory lies") from None


def _copy(source: BinaryIO, copy: BinaryIO, advance: Callable[[int], None]) -> None:
    while block := source.read(BLOCK):
        copy.write(block)
        advance(len(block))


def _refuse_escape(info: zipfile.ZipInfo, place: str) -> None:
    """Raise UserError for a member that is not a plain file or folder below the archive's own."""
    name = info.filename.replace("\\", "/")
    drive = name[1:2] == ":"
    if drive or name.startswith("/") or ".." in name.split("/") or "\0" in info.orig_filename:
        raise UserError(
            f"{place} wants to write outside its folder ({info.orig_filename!r}); do not trust it, delete it"
        )
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError(f"{place} holds a link or a device ({info.filename}); do not trust it, delete it")
