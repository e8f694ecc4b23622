"""A device kit of before, which a new one replaces as a whole; nothing of the user's may be in it."""

from __future__ import annotations

from pathlib import Path

from todus import files, progress
from todus.device_kit.naming import CACHE, ENVIRONMENT, SUMS
from todus.errors import UserError


def require_replaceable(folder: Path) -> None:
    """Raises UserError if `folder` is there and is not a kit, holds other files too, or files that were changed."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{progress.shown(folder)} is in the way of the device kit; move it away")
    names = {path.name for path in folder.iterdir()} - {ENVIRONMENT, CACHE}
    if names and SUMS not in names:
        raise UserError(f"{progress.shown(folder)} is no device kit of Todus, it has no {SUMS}; move it away")
    made = sums_in(folder) if names else {}
    _refuse_any(folder, names - made.keys() - {SUMS}, "holds what is not of a device kit")
    changed = {name for name in names & made.keys() if _sum(folder / name) != made[name]}
    _refuse_any(folder, changed, "holds files that were changed since they were made")


def _refuse_any(folder: Path, names: set[str], what: str) -> None:
    if names:
        first, *others = sorted(names)
        raise UserError(
            f"{progress.shown(folder)}, which would be written anew, {what} ({first}{', ...' if others else ''}); "
            f"move {'them' if others else 'it'} away"
        )


def has_environment(folder: Path) -> bool:
    return (folder / ENVIRONMENT).is_dir()


def write_sums(folder: Path) -> None:
    """Note what is in the folder, so that it is known later what was changed."""
    lines = [f"{files.sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    files.write_text(folder / SUMS, "".join(lines))


def sums_in(folder: Path) -> dict[str, str]:
    """The sum of each file when it was made, by its name."""
    lines = (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = [line.partition("  ") for line in lines]
    return {name: value for value, _, name in pairs}


def _sum(path: Path) -> str:
    return files.sha256(path) if path.is_file() else "not of a file"
