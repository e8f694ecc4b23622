"""Writing files so that a half-written one never looks whole: a temporary name first, renamed last."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from todus.errors import WorldError


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to; it becomes `target` if the block ends well, else it goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished-{os.getpid()}")
    try:
        yield unfinished
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`; it replaces `target` if the block ends well, else it goes.

    Raises:
      WorldError: another process is making a folder beside `target` right now.
    """
    unfinished = target.with_name(f".{target.name}.unfinished")
    replaced = target.with_name(f".{target.name}.replaced")
    with locked(target.parent):
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
    """Keep other processes of Todus off `folder` meanwhile. The lock goes with the process, however that ends.

    Raises:
      WorldError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorldError(f"another run is at work in {folder}; wait until it has ended") from None
        yield
    finally:
        os.close(descriptor)


def write_text(target: Path, text: str) -> None:
    with atomic_file(target) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_json(target: Path, value: object, indent: int | None = None) -> None:
    """Write `value` with the keys in the order given, so that equal input makes equal bytes."""
    write_text(target, json.dumps(value, indent=indent, ensure_ascii=False) + "\n")


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
