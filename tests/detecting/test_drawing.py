"""Lines and captions fit the image."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from todus import picture
from todus.detecting import drawing
from todus.picture import Box

COLOURS = picture.colours_of(["bear"])
GREY = (120, 120, 120)


def drawn(width: int, height: int, **options: bool) -> tuple[Image.Image, int, int]:
    """An image with a box in its middle; how wide the line at its left is, and how high its caption, in pixels."""
    boxes = [Box([width / 4, height / 4, width / 2, height / 2], "bear", 0.9)]
    image = drawing.draw(Image.new("RGB", (width, height), GREY), boxes, COLOURS, **options)
    ours = (np.asarray(image) == COLOURS["bear"]).all(axis=2)
    middle = ours[image.height // 2, : image.width // 2]
    above = ours[: image.height // 4 - 2]
    return image, int(middle.sum()), int(above.any(axis=1).sum())


def test_lines_and_captions_grow_with_the_image() -> None:
    image, line, caption = drawn(4000, 3000)
    assert image.size == (4000, 3000)
    assert 12 <= line <= 24 and 70 <= caption <= 130
    image, line, caption = drawn(640, 480)
    assert image.size == (640, 480)
    assert 2 <= line <= 4 and 12 <= caption <= 24


def test_a_small_image_is_enlarged_and_not_covered() -> None:
    image, line, caption = drawn(160, 120)
    assert image.size == (427, 320)
    assert line <= 3 and caption < 320 / 15
    image, _, caption = drawn(160, 120, enlarge=False)
    assert image.size == (160, 120)
    assert caption < 120 / 6


@pytest.mark.parametrize(("size", "wanted"), [((1, 1), (320, 320)), ((10_000, 1), (10_000, 1)), ((1, 100), (6, 640))])
def test_no_shape_makes_an_image_that_is_too_large(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert drawn(*size)[0].size == wanted
