"""Writing files so that a half-written one never looks whole: a temporary name first, renamed last."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    """Yield an empty folder beside `target`; it replaces `target` if the block ends well, else it goes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    replaced = target.with_name(f".{target.name}.replaced")
    if replaced.exists() and not target.exists():  # a run was killed between the two renames below
        os.replace(replaced, target)
    for leftover in (unfinished, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    unfinished.mkdir()
    try:
        yield unfinished
        if target.exists():
            os.replace(target, replaced)
        os.replace(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


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
