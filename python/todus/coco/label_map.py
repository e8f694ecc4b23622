"""The label map of a dataset: category ids and names, in the text format of the Object Detection API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from todus import files
from todus.coco import protos
from todus.errors import UserError


@dataclass(frozen=True)
class LabelMap:
    """`names` maps each id (1 or more, holes allowed) to the category's name, in the file's order."""

    names: Mapping[int, str]

    @classmethod
    def of(cls, categories: Iterable[Mapping]) -> LabelMap:
        """The label map of COCO's category dicts (`id`, `name`)."""
        return cls({category["id"]: category["name"] for category in categories})

    @property
    def ids(self) -> dict[str, int]:
        """name -> id."""
        return {name: number for number, name in self.names.items()}

    def __len__(self) -> int:
        return len(self.names)


def read(path: Path) -> LabelMap:
    """Read a label map; where an item has a display name (COCO's official map does), that is the name that counts.

    Raises UserError if the file is missing, malformed, empty, or uses a name or an id twice.
    """
    try:
        message = text_format.Parse(
            path.read_text(encoding="utf-8"), protos.StringIntLabelMap(), allow_unknown_field=True
        )
    except FileNotFoundError:
        raise UserError(f"there is no label map {path}; make the dataset again") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a label map ({error}); correct it or make the dataset again") from None
    names: dict[int, str] = {}
    for item in message.item:
        name = item.display_name or item.name
        if not name or item.id < 1:
            raise UserError(f"{path} has an item without a name or without an id of 1 or more; correct it")
        if item.id in names or name in names.values():
            raise UserError(f"{path} has the id {item.id} or the name {name!r} twice; correct it")
        names[item.id] = name
    if not names:
        raise UserError(f"{path} has no items; correct it or make the dataset again")
    return LabelMap(names)


def write(path: Path, label_map: LabelMap) -> None:
    """Write a label map. The API matches the records' class text with `name`, so that is the category's name."""
    message = protos.StringIntLabelMap()
    for number, name in label_map.names.items():
        message.item.add(name=name, id=number, display_name=name)
    files.write_text(path, text_format.MessageToString(message, as_utf8=True))
