"""The categories that a pretrained detector knows, and which of its classes a dataset's categories are."""

from __future__ import annotations

from pathlib import Path

from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import COCO_LABEL_MAP, Model

COCO_CLASSES = 90  # of the zoo's COCO models: the highest id, its holes included


def categories(model: Model, class_count: int) -> LabelMap:
    """What the classes of the pretrained detector mean: by the label map in its archive, if there is one, else COCO's.

    Raises:
      UserError: there is none, and the detector does not have the number of classes that COCO's models have.
    """
    for path in sorted(filter(Path.is_file, model.pretrained.glob("*label_map*.pbtxt"))):
        own = label_map.read(path)
        if max(own.names) > class_count:
            raise UserError(f"{path} names a class {max(own.names)}, the model has {class_count}; correct or remove it")
        return own
    if class_count != COCO_CLASSES:
        raise UserError(
            f"the model has {class_count} classes, so it is not one of the {COCO_CLASSES} class models that the zoo "
            f"trained on COCO; put its label map into its archive, beside pipeline.config, as label_map.pbtxt"
        )
    return label_map.read(COCO_LABEL_MAP)


def classes(wanted: LabelMap, known: LabelMap, class_count: int) -> list[int | None]:
    """The pretrained class of each class of a new detector, found by name; None for one that it never saw.

    Case and underscores of a name are forgiven, as in CATEGORIES.

    Args:
      wanted: categories of the dataset. Ids that it leaves out keep their class where `known` leaves them out too.
      known: categories of the pretrained detector, which has `class_count` classes.
    """

    ids = called_as(known, wanted).ids

    def pretrained(number: int) -> int | None:
        if number in wanted.names:
            return ids.get(wanted.names[number])
        return number if number <= class_count and number not in known.names else None

    return [pretrained(number) for number in range(1, max(wanted.names) + 1)]


def unknown(wanted: LabelMap, known: LabelMap) -> list[str]:
    """The categories that the pretrained detector never saw."""
    ids = called_as(known, wanted).ids
    return [name for name in wanted.ids if name not in ids]


def called_as(known: LabelMap, wanted: LabelMap) -> LabelMap:
    """`known` with the names that `wanted` has for the same categories, where they differ in case and underscores."""
    names = {_plain(name): name for name in wanted.ids}
    return LabelMap({number: names.get(_plain(name), name) for number, name in known.names.items()})


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
