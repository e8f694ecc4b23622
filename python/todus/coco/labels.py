"""labels.txt: the categories of a graph for those who have no label map, one a line; line i (from 1) is class i."""

from __future__ import annotations

from pathlib import Path

from todus.coco.label_map import LabelMap
from todus.errors import UserError

NO_SUCH_CLASS = "???"  # fills the holes of COCO's ids, so that a line's number stays a class's id


def to_text(categories: LabelMap) -> str:
    return "".join(f"{categories.names.get(i, NO_SUCH_CLASS)}\n" for i in range(1, max(categories.names) + 1))


def read(path: Path) -> LabelMap:
    """Raises UserError if the file names nothing."""
    lines = path.read_text(encoding="utf-8").splitlines()
    names = {i: line.strip() for i, line in enumerate(lines, start=1) if line.strip() not in ("", NO_SUCH_CLASS)}
    if not names:
        raise UserError(f"{path} names no category; write one a line")
    return LabelMap(names)
