"""The validation images of a dataset and what is on them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from todus.coco import categories
from todus.errors import UserError
from todus.layout import Dataset


@dataclass(frozen=True)
class ValidationSet:
    """What a detector is evaluated on.

    name: of the dataset.
    annotations: the content of its instances_*.json.
    images: COCO's entry of each image and its file.
    fingerprint: of the annotation file: SHA-256 in hexadecimal digits.
    """

    name: str
    annotations: dict
    images: list[tuple[dict, Path]]
    fingerprint: str

    @property
    def image_ids(self) -> list[int]:
        return [image["id"] for image, _ in self.images]

    @property
    def category_names(self) -> list[str]:
        return [category["name"] for category in self.annotations["categories"]]

    def choose(self, text: str) -> list[str]:
        """The categories that `text` (CATEGORIES) names, in the dataset's order. Raises UserError for unknown ones."""
        try:
            return [category["name"] for category in categories.parse(text, self.annotations["categories"])]
        except UserError as error:
            raise UserError(f"CATEGORIES, of dataset {self.name}: {error}") from None

    def only(self, names: Iterable[str]) -> ValidationSet:
        """The same images with the objects of some categories only."""
        wanted = set(names)
        kept = [category for category in self.annotations["categories"] if category["name"] in wanted]
        ids = {category["id"] for category in kept}
        boxes = [box for box in self.annotations["annotations"] if box["category_id"] in ids]
        return replace(self, annotations={**self.annotations, "categories": kept, "annotations": boxes})


def read(dataset: Dataset) -> ValidationSet:
    """Raises UserError if images are missing, or if there are none."""
    content = dataset.annotations("val").read_bytes()
    annotations = json.loads(content)
    images = images_on_disk(annotations, dataset.raw_data.images("val"), dataset)
    return ValidationSet(dataset.name, annotations, images, hashlib.sha256(content).hexdigest())


def images_on_disk(annotations: dict, folder: Path, dataset: Dataset) -> list[tuple[dict, Path]]:
    images = [(image, folder / image["file_name"]) for image in annotations["images"]]
    missing = [path for _, path in images if not path.is_file()]
    if missing:
        raise UserError(
            f"{len(missing)} of {len(images)} validation images are missing, the first is {missing[0]}; "
            f"delete {dataset.manifest} and make dataset {dataset.name} as before: only what is missing is fetched"
        )
    if not images:
        raise UserError(f"dataset {dataset.name} has no validation images; make it with other CATEGORIES")
    return images


def spread(items: Sequence, count: int | None) -> list:
    """`count` of `items` at equal distances, in their order; all where there are no more, or with None."""
    if count is None or count >= len(items):
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]
