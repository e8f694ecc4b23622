"""Unpack a .tar.gz that may be anything: cut off, hostile, packed on a Mac, or a web page under a wrong name."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from todus import files
from todus.errors import UserError
from todus.progress import human_size

MOST_MEMBERS = 1000  # the zoo's archives have a dozen
MOST_TIMES = 100  # an archive's own size that it may unpack to; trained weights hardly shrink at all ...
ALWAYS_FINE = 1 << 30  # ... but what is no larger than this in bytes does no harm either
LONGEST_HEADER = 1 << 16  # bytes of a name or of other facts about a member, which tarfile keeps in memory
LONGEST_PATH = 1000  # bytes; 255 for each part of it
BLOCK = 1 << 18  # bytes read at a time

_GZIP = b"\x1f\x8b"
# ValueError: numbers that are none; RecursionError: headers about headers about headers.
_UNREADABLE = (tarfile.TarError, EOFError, zlib.error, ValueError, RecursionError, OSError)


def wrong_start(path: Path) -> str | None:
    """What a file is that is no .tar.gz, told by its first bytes; None if it can be one."""
    with path.open("rb") as file:
        start = file.read(512).lstrip()
    if not start:
        return "it is empty"
    if start.startswith(b"<"):
        return "it is a web page, not an archive"
    if not start.startswith(_GZIP):
        return "it is not a .tar.gz"
    return None


def extract(archive: Path, folder: Path) -> None:
    """Unpack the files and folders of `archive` below `folder`, without what a Mac or an old tar has added.

    Raises:
      UserError: it is cut off or no .tar.gz; it tries to write outside; it holds links, devices, the same file twice or
        absurdly much. What was written until then is the caller's to remove.
      WorldError: the disk is too small.
    """
    reason = wrong_start(archive)
    if reason:
        raise _damaged(archive, reason)
    try:
        with gzip.open(archive) as unzipped:
            with tarfile.open(fileobj=unzipped, mode="r|", bufsize=BLOCK, tarinfo=_Member) as tar:
                _extract_members(tar, archive, folder)
            _read_to_the_end(unzipped, archive)
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:  # a full disk is not the archive's fault
            raise
        raise _damaged(archive, str(error)) from None


class _Member(tarfile.TarInfo):
    """A member whose header cannot make tarfile read gigabytes into memory."""

    _ABOUT_THE_NEXT = frozenset(
        [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
    )

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> tarfile.TarInfo:
        member = super().frombuf(buf, encoding, errors)
        if member.size < 0 or (member.type in cls._ABOUT_THE_NEXT and member.size > LONGEST_HEADER):
            raise tarfile.ReadError(f"a header of {member.size:,} bytes")
        return member


def _extract_members(tar: tarfile.TarFile, archive: Path, folder: Path) -> None:
    most = max(ALWAYS_FINE, MOST_TIMES * archive.stat().st_size)
    total = 0
    taken = _Paths()
    for count, member in enumerate(tar, start=1):
        path = PurePosixPath(member.name)
        total += member.size
        reason = "which no zoo archive does" if _is_hostile(path, member) else taken.add(path, member.isdir())
        if reason:
            raise _hostile(archive, f"holds {member.name!r}, {reason}")
        if count > MOST_MEMBERS or total > most:
            much = human_size(total) if total > most else f"{MOST_MEMBERS:,} files"
            raise _hostile(archive, f"would unpack to {much} and more, which no zoo archive of its size does")
        if not _is_junk(path):
            _write(tar, member, archive, folder / path)


def _is_hostile(path: PurePosixPath, member: tarfile.TarInfo) -> bool:
    try:
        name = os.fsencode(member.name)
    except UnicodeEncodeError:
        return True
    return (
        path.is_absolute()
        or ".." in path.parts
        or not (member.isfile() or member.isdir())
        or (member.isfile() and not path.name)
        or b"\0" in name
        or len(name) > LONGEST_PATH
        or any(len(os.fsencode(part)) > 255 for part in path.parts)
    )


class _Paths:
    """What an archive has brought so far, to find what it brings twice, be it as a file and as a folder."""

    def __init__(self) -> None:
        self.files: set[PurePosixPath] = set()
        self.folders: set[PurePosixPath] = set()

    def add(self, path: PurePosixPath, is_folder: bool) -> str | None:
        """Returns what is wrong with another member `path`; None if nothing is."""
        folders = {path, *path.parents} if is_folder else set(path.parents)
        if path in self.files or (not is_folder and path in self.folders) or not self.files.isdisjoint(folders):
            return "and another of that name"
        self.folders |= folders
        if not is_folder:
            self.files.add(path)
        return None


def _is_junk(path: PurePosixPath) -> bool:
    """What tar on a Mac adds to keep its attributes, and what an old tar makes of the headers of a newer one."""
    added_folder = any(part == "__MACOSX" or part.startswith("PaxHeader") for part in path.parts)
    return added_folder or path.name == ".DS_Store" or path.name.startswith("._")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    files.require_space(target.parent, member.size, archive.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tar.extractfile(member) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, BLOCK)


def _read_to_the_end(unzipped: gzip.GzipFile, archive: Path) -> None:
    """tar stops before the end, where gzip's checksum of all of it is. What fills the rest is at most a few blocks."""
    rest = 0
    while block := unzipped.read(BLOCK):
        rest += len(block)
        if rest > ALWAYS_FINE:
            raise _hostile(archive, f"has {human_size(rest)} and more after its end")


def _damaged(archive: Path, reason: str) -> UserError:
    return UserError(f"{archive} is damaged ({reason}); delete it and run again to fetch it anew")


def _hostile(archive: Path, what: str) -> UserError:
    return UserError(f"{archive} {what}; do not trust it, delete it")
