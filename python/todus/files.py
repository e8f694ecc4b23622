"""Writing files so that a half-written one never looks whole: a temporary name first, renamed last."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from todus.errors import WorldError

UNFINISHED = ".unfinished-"  # in the name of what is being written, before the process that does it
MOMENT = 0.1  # seconds; owner_of has a lock for less
_BLOCK = 1 << 20  # bytes read at a time


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to; it becomes `target` if the block ends well, else it goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}{UNFINISHED}{os.getpid()}")
    try:
        yield unfinished
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Return once the file's content is on the disk. Raises OSError if it cannot be, e.g. because the disk is full."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove the half-written files that killed runs have left in `folder`. For who holds its lock."""
    for leftover in folder.glob(f".*{UNFINISHED}*"):
        leftover.unlink()


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`; it replaces `target` if the block ends well, else it goes.

    Raises:
      WorldError: another process is making `target` right now.
    """
    unfinished = target.with_name(f".{target.name}.unfinished")
    replaced = target.with_name(f".{target.name}.replaced")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.with_name(f".{target.name}.lock"), target):
        _put_back(replaced, target)  # a run was killed between the two renames below
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            yield unfinished
            if target.exists():
                os.replace(target, replaced)
            os.replace(unfinished, target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            _put_back(replaced, target)


def _put_back(replaced: Path, target: Path) -> None:
    if replaced.exists() and not target.exists():
        os.replace(replaced, target)
    shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes of Todus off `folder` meanwhile.

    Raises:
      WorldError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(lock_of(folder), folder):
        yield


def lock_of(folder: Path) -> Path:
    """The file by which `folder` is locked. That it is there proves nothing; see owner_of."""
    return folder / ".lock"


def owner_of(folder: Path) -> int | None:
    """The process that has `folder` locked now, or None. (0, should it have been caught before it wrote its number.)"""
    try:
        descriptor = os.open(lock_of(folder), os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # nobody waits for it, and it goes at once
    except BlockingIOError:
        return int(os.read(descriptor, 20) or b"0")
    finally:
        os.close(descriptor)
    return None


@contextmanager
def _lock(path: Path, folder: Path) -> Iterator[None]:
    """Hold the lock file `path`, which has the owner's pid in it. The lock goes with the process, however that ends: a
    file that a killed one has left is nobody's."""
    descriptor = _open_locked(path, folder)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)  # while the lock is held, or it could be the next one's file
        os.close(descriptor)


def _open_locked(path: Path, folder: Path) -> int:
    is_last_try = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            if not is_last_try:  # it may have been owner_of
                is_last_try = True
                time.sleep(MOMENT)
                continue
            who = f"another run (process {owner})" if owner else "another run"
            raise WorldError(f"{who} is at work in {folder}; wait until it has ended") from None
        os.close(descriptor)  # the last owner removed the file as we opened it


def is_plain_name(name: object) -> bool:
    """Whether it is the name of a file that stays in its folder, and can be written on any disk."""
    if not isinstance(name, str) or name in ("", ".", "..") or not {"/", "\\", "\0"}.isdisjoint(name):
        return False
    try:
        name.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def write_text(target: Path, text: str) -> None:
    with atomic_file(target) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_json(target: Path, value: object, indent: int | None = None) -> None:
    """Write `value` with the keys in the order given, so that equal input makes equal bytes."""
    write_text(target, json.dumps(value, indent=indent, ensure_ascii=False) + "\n")


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def nearest_existing(folder: Path) -> Path:
    """The folder itself, or the innermost one around it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise WorldError unless the disk of `folder`, which need not exist yet, has room for `needed` bytes of `what`."""
    from todus.progress import human_size  # which itself imports this module

    free = shutil.disk_usage(nearest_existing(folder)).free
    if needed > free:
        raise WorldError(
            f"the disk of {folder} is too small for {what}: {human_size(needed)} are needed, {human_size(free)} are "
            f"free; make room, or use another TODUS_HOME"
        )
