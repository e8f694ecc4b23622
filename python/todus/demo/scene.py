"""Composes the pictures of the mini-COCO: objects apart from each other or in a heap, with the ground truth of both."""

from __future__ import annotations

import numpy as np
from PIL import Image

from todus.demo import painting
from todus.demo.shapes import KINDS, Kind

SIDE = (256, 320)  # pixels, of either side of an image
OBJECTS = (1, 4)  # in an image, if there is room for so many
RADIUS = (0.15, 0.32)  # of an object, in parts of the image's shorter side
GAP = 4  # pixels between the boxes of two objects
TRIES = 40  # places tried for an object before it is left out
CROWD_RADIUS = (0.055, 0.075)
CROWD_MEMBERS = (14, 24)
GRAIN = (2.0, 6.0)  # standard deviation of the noise of the camera's sensor


def compose(
    rng: np.random.Generator, *, is_empty: bool, has_crowd: bool, is_greyscale: bool
) -> tuple[Image.Image, list[dict]]:
    """A picture (mode RGB or L) and COCO's annotations of what is in it, without `id` and `image_id`."""
    width, height = (int(side) for side in rng.integers(SIDE[0], SIDE[1] + 1, size=2))
    canvas = painting.background(width, height, rng)
    annotations = []
    if not is_empty:
        boxes: list[tuple[float, float, float, float]] = []
        if has_crowd:
            annotations.append(_draw_crowd(canvas, boxes, rng))
        for _ in range(rng.integers(OBJECTS[0], OBJECTS[1] + 1)):
            annotation = _draw_object(canvas, boxes, rng)
            if annotation:
                annotations.append(annotation)
    return _photographed(canvas, rng).convert("L" if is_greyscale else "RGB"), annotations


def _draw_object(canvas: np.ndarray, boxes: list, rng: np.random.Generator) -> dict | None:
    """Draw an object where no other is (`boxes`, to which its own is added) and return its annotation, or None."""
    kind = KINDS[rng.integers(len(KINDS))]
    radius = rng.uniform(*RADIUS)
    largest = painting.sketch(kind, radius * min(canvas.shape[:2]), rng)
    for attempt in range(TRIES):
        # The less room there is, the smaller the object, down to the least size allowed.
        scale = 1 - (1 - RADIUS[0] / radius) * attempt / TRIES
        place = _free_place(canvas, largest.size * scale, boxes, rng)
        if place:
            drawn = largest.scaled(scale)
            mask = painting.paint(canvas, drawn, *place)
            polygons = [(points + place).round(2).ravel().tolist() for points in drawn.silhouette]
            return _annotation(kind, mask, polygons, is_crowd=0)
    return None


def _draw_crowd(canvas: np.ndarray, boxes: list, rng: np.random.Generator) -> dict:
    """Draw many small objects of one category in a heap and return the one annotation for all of them."""
    kinds = [kind for kind in KINDS if kind.supercategory == "food"]
    kind = kinds[rng.integers(len(kinds))]
    height, width = canvas.shape[:2]
    side = min(height, width)
    middle = np.array([rng.uniform(0.35, 0.65) * width, rng.uniform(0.35, 0.65) * height])
    mask = np.zeros((height, width), dtype=bool)
    for _ in range(rng.integers(*CROWD_MEMBERS)):
        drawn = painting.sketch(kind, rng.uniform(*CROWD_RADIUS) * side, rng)
        centre = middle + rng.uniform(-1, 1, 2) * (0.24, 0.15) * side
        x, y = np.round(centre - drawn.size / 2).astype(int).clip(0).tolist()
        mask |= painting.paint(canvas, drawn, x, y)
    annotation = _annotation(kind, mask, _run_lengths(mask), is_crowd=1)
    boxes.append(annotation["bbox"])
    return annotation


def _free_place(canvas: np.ndarray, size: np.ndarray, boxes: list, rng: np.random.Generator) -> tuple[int, int] | None:
    """A random corner for a box of `size`; None if it is not free there, else the box is added to `boxes`."""
    height, width = canvas.shape[:2]
    room = np.array([width, height]) - np.ceil(size).astype(int) - 2
    if (room < 1).any():
        return None
    x, y = (1 + rng.integers(0, room)).tolist()
    w, h = size.tolist()
    for left, top, other_w, other_h in boxes:
        apart_x = x + w + GAP <= left or left + other_w + GAP <= x
        apart_y = y + h + GAP <= top or top + other_h + GAP <= y
        if not (apart_x or apart_y):
            return None
    boxes.append((x, y, w, h))
    return x, y


def _annotation(kind: Kind, mask: np.ndarray, segmentation: list | dict, is_crowd: int) -> dict:
    """COCO's entry for a mask (bool [h, w]): its box is the tight one, [x, y, w, h] in pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return {
        "segmentation": segmentation,
        "area": int(mask.sum()),
        "iscrowd": is_crowd,
        "bbox": [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1],
        "category_id": kind.id,
    }


def _run_lengths(mask: np.ndarray) -> dict:
    """COCO's uncompressed run lengths: column by column, zeros first."""
    pixels = mask.ravel(order="F")
    changes = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    counts = np.diff([0, *changes, len(pixels)])
    if pixels[0]:
        counts = np.insert(counts, 0, 0)
    return {"counts": counts.tolist(), "size": list(mask.shape)}


def _photographed(canvas: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """The canvas as a camera sees it: with the noise of its sensor."""
    grain = rng.normal(0, rng.uniform(*GRAIN), canvas.shape[:2]).astype(np.float32)
    return Image.fromarray(np.clip(canvas + grain[:, :, None], 0, 255).astype(np.uint8))
