"""How the classes of a frozen graph or SavedModel are called, which does not say so itself."""

from __future__ import annotations

from pathlib import Path

from todus.coco import label_map, labels
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import COCO_LABEL_MAP, LABELS


def of(path: Path, class_count: int | None, cut: LabelMap) -> LabelMap:
    """Of the labels.txt beside it, else told by how many classes there are.

    Raises:
      UserError: there is none, and neither COCO nor the model's dataset has as many.
    """
    file = beside(path)
    if file:
        return labels.read(file)
    coco = label_map.read(COCO_LABEL_MAP)
    for categories in (coco, cut):
        if class_count == max(categories.names):
            return categories
    has = "classes that cannot be counted" if class_count is None else f"{class_count} classes"
    raise UserError(f"{path} has {has} and no {LABELS} beside it; write one there, a category a line")


def beside(path: Path) -> Path | None:
    """The labels.txt beside a file, or in or beside a folder."""
    return next(filter(Path.is_file, (path / LABELS, path.with_name(LABELS))), None)
