"""Captions of boxes: where each one can be read and hides little, and writing it there. Needs Pillow only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]
Place = tuple[int, int, int, int]  # left, top, right, bottom: the first and the last pixel of a rectangle

PAPER, DARK = (255, 255, 255), (16, 16, 18)
PADDING = 3  # pixels around the text


@dataclass(frozen=True)
class Caption:
    """A text in its place."""

    text: str
    font: ImageFont.FreeTypeFont
    spot: Place


def placed(
    text: str, size: int, place: Place, taken: Sequence[Place], small: Sequence[Place], limits: tuple[int, int]
) -> Caption:
    """Find a spot for the caption of the box at `place`.

    It covers no other caption (`taken`) if there is such a spot, and then as few small boxes (`small`) as possible.
    `size` is that of the text, `limits` are the image's width and height, all in pixels.
    """
    font = fitting_font(text, size, limits[0] - 2 * PADDING)
    ascent, descent = font.getmetrics()
    width, height = round(font.getlength(text)) + 2 * PADDING, ascent + descent + PADDING
    spots = [(x, y, x + width - 1, y + height - 1) for x, y in _corners(place, width, height, limits)]
    free = [spot for spot in spots if not overlaps(spot, taken)] or spots
    return Caption(text, font, min(free, key=lambda spot: overlaps(spot, small)))


def write(draw: ImageDraw.ImageDraw, caption: Caption, colour: Colour) -> None:
    """Draw it, dark on a light colour and light on a dark one."""
    draw.rectangle(caption.spot, fill=colour)
    dark_text = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 125
    left, top = caption.spot[0] + PADDING, caption.spot[1] + PADDING / 2
    draw.text((left, top), caption.text, fill=DARK if dark_text else PAPER, font=caption.font, anchor="la")


def fitting_font(text: str, size: int, width: float) -> ImageFont.FreeTypeFont:
    """The font in `size`, or smaller if the text would be wider than `width` pixels."""
    font = ImageFont.load_default(size)
    while size > 8 and font.getlength(text) > width:
        size -= 1
        font = ImageFont.load_default(size)
    return font


def overlaps(a: Place, others: Sequence[Place]) -> int:
    """With how many of the others it has a pixel in common."""
    return sum(a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3] for b in others)


def _corners(place: Place, width: int, height: int, limits: tuple[int, int]) -> list[tuple[int, int]]:
    """The upper left corners that a caption of this size may have, the best first."""
    left, top, right, bottom = place
    rows = (top - height, top, bottom + 1, bottom - height + 1)  # above, inside; below, inside
    along = [(max(0, min(x, limits[0] - width)), y) for y in rows for x in (left, right - width + 1)]
    beside = [(x, y) for x in (right + 1, left - width) for y in (top, bottom - height + 1)]
    inside = [(x, y) for x, y in along + beside if 0 <= y <= limits[1] - height and 0 <= x <= max(0, limits[0] - width)]
    return inside or [(along[0][0], 0)]
