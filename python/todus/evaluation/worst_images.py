"""The images that a detector does worst on, drawn with their ground truth and its detections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from todus import files, picture, progress
from todus.evaluation.detectors.image_reader import read_image
from todus.evaluation.matching import MIN_SCORE, Pair

COUNT = 16
WIDTH = 1000  # pixels at most, of the two panels together
QUALITY = 80  # of the JPEG files


@dataclass(frozen=True)
class Errors:
    """What went wrong in one image. An object found in a wrong category is missed, and its detection is false."""

    image_id: int
    missed: int
    false: int

    @property
    def count(self) -> int:
        return self.missed + self.false


def worst(pairs: Mapping[int, Iterable[Pair]], count: int = COUNT) -> list[Errors]:
    """Of the images in `pairs` (see matching.match) those with the most errors, the worst first; none without any."""
    errors = [_errors(image, ones) for image, ones in pairs.items()]
    wrong = [one for one in errors if one.count]
    return sorted(wrong, key=lambda one: (-one.count, str(one.image_id)))[:count]


def _errors(image_id: int, pairs: Iterable[Pair]) -> Errors:
    wrong = [pair for pair in pairs if not pair.is_right]
    return Errors(
        image_id, sum(pair.truth is not None for pair in wrong), sum(pair.found is not None for pair in wrong)
    )


def draw(
    chosen: Sequence[Errors], images: Iterable[tuple[dict, Path]], annotations: dict, results: list[dict], folder: Path
) -> list[str]:
    """Draw each image of `chosen`, ground truth at the left, into `folder`, which is made anew.

    Args:
      images: COCO's entry of each image and its file.
      annotations, results: as for matching.match.

    Returns:
      The names of the files in `folder`, one for each of `chosen`.

    Raises:
      UserError: a file is not an image.
    """
    places = {image["id"]: path for image, path in images}
    names = {category["id"]: category["name"] for category in annotations["categories"]}
    drawn = {one.image_id for one in chosen}
    truth, found = _boxes(annotations["annotations"], drawn, names), _boxes(results, drawn, names)
    colours = picture.colours_of(names.values())
    written = []
    with files.atomic_folder(folder) as unfinished, progress.Progress("draw", len(chosen), "image") as bar:
        for number, one in enumerate(chosen, start=1):
            pixels = Image.fromarray(read_image(places[one.image_id]))
            boxes = truth[one.image_id], found[one.image_id]
            both = picture.side_by_side(pixels, *boxes, threshold=MIN_SCORE, colours=colours)
            both.thumbnail((WIDTH, both.height))
            written.append(f"{number:02d}.jpg")
            both.save(unfinished / written[-1], quality=QUALITY)
            bar.advance()
    return written


def _boxes(ones: Iterable[Mapping], image_ids: set, names: Mapping[int, str]) -> dict[int, list[picture.Box]]:
    boxes = {image: [] for image in image_ids}
    for one in ones:
        if one["image_id"] in image_ids:
            box = picture.Box(one["bbox"], names[one["category_id"]], one.get("score"), bool(one.get("iscrowd")))
            boxes[one["image_id"]].append(box)
    return boxes
