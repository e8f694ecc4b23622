"""The files that a conversion writes, and that none of them takes the place of another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uff.errors import UffError


@dataclass(frozen=True)
class Targets:
    """Where to write; None for what is not wanted. `tensorboard` is a folder."""

    binary: Path
    text: Path | None = None
    graph: Path | None = None
    tensorboard: Path | None = None

    def __iter__(self) -> Iterator[Path]:
        return (path for path in (self.binary, self.text, self.graph, self.tensorboard) if path)


def beside(binary: Path, text: bool, preprocessed: bool) -> Targets:
    """The file itself, and beside it its readable form and the graph that a script has made, if they are wanted."""
    folder = binary.with_name(f"{binary.stem}_preprocessed")
    return Targets(
        binary,
        binary.with_suffix(".pbtxt") if text else None,
        folder.with_name(f"{folder.name}.pb") if preprocessed else None,
        folder if preprocessed else None,
    )


def require_apart(targets: Targets, sources: list[Path]) -> None:
    """Raises UffError if a file to write is one of those to read, or another one to write."""
    taken = list(sources)
    for path in targets:
        for other in taken:
            if _is_same(path, other):
                what = "is read itself" if other in sources else "would be written twice"
                raise UffError(f"{path} {what}; give another output file")
        taken.append(path)


def _is_same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()
