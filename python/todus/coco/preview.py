"""A sheet of a dataset's images with their boxes and names, and a chart of its boxes per category.

The sheet shows what a detector will be taught, the chart how much of each.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from PIL import Image

from todus import files, picture
from todus.coco import annotations

COLUMNS = 4
CELL = 390  # pixels: the longer side of an image on the sheet, so that four of them and the gaps make 1,600
TEXT_SIZE = 12  # pixels, of a caption
MANY_BOXES = 12  # an image with more is chosen only if there is no other: nobody could read its captions


def write_preview(
    truth: annotations.GroundTruth, images_folder: Path, path: Path, count: int = 16, seed: int = 0
) -> bool:
    """Write a PNG of `count` images, four a row, with their boxes and names.

    `seed` chooses the images, so that as many categories as possible are seen, rare ones too. Images without a box are
    not chosen, nor are those that cannot be read. If none is left, nothing is written,
    and the answer is False.
    """
    panels = _panels(truth, images_folder, count, seed)
    if not panels:
        return False
    panels.sort(key=lambda panel: panel.height)  # rows of one height leave the least white
    sheet = picture.contact_sheet(panels, COLUMNS)
    with files.atomic_file(path) as unfinished:
        sheet.save(unfinished, "PNG")
    return True


def _panels(truth: annotations.GroundTruth, images_folder: Path, count: int, seed: int) -> list[Image.Image]:
    """Up to `count` images with their boxes. Each time the category that was seen least has its turn, the rarest of
    several; it is shown by the next image of its own."""
    images = {image["id"]: image for image in truth.images}
    boxes = annotations.by_image(truth)
    names = {category["id"]: category["name"] for category in truth.categories}
    colours = picture.colours_of(names.values())
    waiting = _queues(truth, boxes, seed)
    total = Counter(box.category_id for box in truth.boxes)
    seen: Counter[int] = Counter()
    used: set[Hashable] = set()
    panels: list[Image.Image] = []
    while waiting and len(panels) < count:
        category = min(waiting, key=lambda number: (seen[number], total[number], number))
        image_id = waiting[category].pop()
        if not waiting[category]:
            del waiting[category]
        if image_id in used:
            continue
        used.add(image_id)
        image = images[image_id]
        pixels = _read(images_folder / image["file_name"])
        if pixels is not None:
            seen.update({box.category_id for box in boxes[image_id]})
            panels.append(_panel(pixels, image, boxes[image_id], names, colours))
    return panels


def _queues(
    truth: annotations.GroundTruth, boxes: Mapping[Hashable, Sequence[annotations.Annotation]], seed: int
) -> dict[int, list[Hashable]]:
    """category id -> the ids of the images that show it, the one to be taken first at the end."""

    def order(image_id: Hashable) -> tuple[bool, bytes]:
        return len(boxes[image_id]) <= MANY_BOXES, hashlib.blake2b(f"{seed} {image_id}".encode()).digest()

    queues: dict[int, list[Hashable]] = {}
    for image_id in sorted((image_id for image_id, own in boxes.items() if own), key=order):
        for category in {box.category_id for box in boxes[image_id]}:
            queues.setdefault(category, []).append(image_id)
    return queues


def _read(path: Path) -> Image.Image | None:
    """The image, perhaps already smaller than the file's own but not smaller than the sheet needs; None if it cannot
    be read."""
    try:
        with Image.open(path) as image:
            image.draft(None, (CELL, CELL))  # JPEG can be decoded at a half or a quarter of its size, and faster
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow raises for damaged files
        return None


def _panel(
    pixels: Image.Image,
    image: Mapping,
    boxes: Sequence[annotations.Annotation],
    names: Mapping[int, str],
    colours: Mapping[str, picture.Colour],
) -> Image.Image:
    """The image in the size of the sheet with its boxes, which are in pixels of the size that the annotations name."""
    scale = CELL / max(image["width"], image["height"])
    size = max(1, round(image["width"] * scale)), max(1, round(image["height"] * scale))
    drawn = [
        picture.Box([side * scale for side in box.bbox], names[box.category_id], is_crowd=bool(box.iscrowd))
        for box in boxes
    ]
    resized = pixels.resize(size, Image.Resampling.LANCZOS)
    return picture.draw_boxes(resized, drawn, colours, min_height=0, text_size=TEXT_SIZE, every_caption=False)
