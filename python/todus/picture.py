"""Draws boxes on pictures: ground truth beside detections, each category in its own colour, and sheets of many.

Boxes are COCO's: [x, y, width, height] in pixels of the image as given. Needs Pillow only.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from todus import captions
from todus.captions import Colour, Place

# Told apart with any of the usual kinds of colour blindness: Okabe and Ito's colours ("Color Universal Design", 2008)
# without black, then those of Paul Tol's "muted" scheme (2021) that are not close to one of them.
COLOURS: tuple[Colour, ...] = (
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (0, 158, 115),  # bluish green
    (240, 228, 66),  # yellow
    (0, 114, 178),  # blue
    (213, 94, 0),  # vermilion
    (204, 121, 167),  # reddish purple
    (51, 34, 136),  # indigo
    (153, 153, 51),  # olive
    (136, 34, 85),  # wine
    (136, 204, 238),  # cyan
    (17, 119, 51),  # green
)

MIN_HEIGHT = 320  # pixels: smaller images are enlarged first, so that captions do not cover them
GAP = 8  # between the two panels, and between the pictures of a sheet
PAPER, INK, HALO = captions.PAPER, (32, 32, 36), captions.DARK
LINE = 3  # width of a box's line; a dark halo of one pixel inside and outside parts it from any background
DASH = 9  # length of a dash and of a gap in the line of a crowd's box
TEXT_SIZE, HEADING_SIZE, TITLE_SIZE = 14, 15, 22
HEADING_HEIGHT = 26
TITLE_HEIGHT = 44


@dataclass(frozen=True)
class Box:
    """`bbox` is COCO's [x, y, width, height] in pixels; a detection has a `score`, ground truth has none."""

    bbox: Sequence[float]
    name: str
    score: float | None = None
    is_crowd: bool = False

    @property
    def caption(self) -> str:
        if self.score is not None:
            return f"{self.name} {self.score:.2f}"
        return f"{self.name} (crowd)" if self.is_crowd else self.name


def colours_of(names: Iterable[str]) -> dict[str, Colour]:
    """A colour per name of a dataset's categories, by their order: all different for up to len(COLOURS) names."""
    return {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}


def side_by_side(
    image: Image.Image,
    ground_truth: Iterable[Box],
    detections: Iterable[Box],
    *,
    threshold: float = 0.5,
    colours: Mapping[str, Colour] | None = None,
    headings: bool = True,
) -> Image.Image:
    """The image twice: with its ground truth at the left, with the detections of at least `threshold` at the right.

    `colours`: from `colours_of` the dataset's names. A name that is not in it gets the colour that its checksum
    chooses: the same one in every picture, but perhaps not its own alone.
    """
    found = [box for box in detections if box.score is None or box.score >= threshold]
    truth = list(ground_truth)
    panels = [draw_boxes(image, truth, colours), draw_boxes(image, found, colours)]
    if headings:
        panels[0] = _headed(panels[0], f"ground truth: {_count(truth)}")
        panels[1] = _headed(panels[1], f"detections (score {threshold:g} and up): {len(found)}")
    width, height = panels[0].size
    both = Image.new("RGB", (2 * width + GAP, height), PAPER)
    both.paste(panels[0], (0, 0))
    both.paste(panels[1], (width + GAP, 0))
    return both


def draw_boxes(
    image: Image.Image,
    boxes: Iterable[Box],
    colours: Mapping[str, Colour] | None = None,
    *,
    min_height: int = MIN_HEIGHT,
    text_size: int = TEXT_SIZE,
    every_caption: bool = True,
    line: int = LINE,
) -> Image.Image:
    """A copy of the image, RGB and at least `min_height` pixels high, with captioned boxes.

    A box's line, `line` pixels wide, lies inside the box, along its edges. What a box has outside the image is not
    drawn. Where captions leave no room for another one, it is written over them, or left out if not `every_caption` is
    wanted.
    """
    scale = max(1.0, min_height / image.height)
    canvas = image.convert("RGB")
    if scale > 1:
        canvas = canvas.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(canvas)
    # Large boxes first, and all boxes before all captions: nothing small is hidden by something large.
    ordered = sorted(boxes, key=lambda box: box.bbox[2] * box.bbox[3], reverse=True)
    corners = [_corners(box, scale, canvas.size) for box in ordered]
    for box, place in zip(ordered, corners, strict=True):
        _draw_box(draw, place, _colour(box.name, colours), box.is_crowd, line)
    small = [place for place in corners if place[3] - place[1] < 3 * text_size]
    taken: list[Place] = []
    for box, place in zip(ordered, corners, strict=True):
        if not box.caption:
            continue
        caption = captions.placed(box.caption, text_size, place, taken, small, canvas.size)
        if every_caption or not captions.overlaps(caption.spot, taken):
            captions.write(draw, caption, _colour(box.name, colours))
            taken.append(caption.spot)
    return canvas


def contact_sheet(pictures: Sequence[Image.Image], columns: int, title: str = "") -> Image.Image:
    """The pictures row by row on white, each in the middle of its cell; every column is as wide as its widest one."""
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    widths = [
        max(picture.width for picture in pictures[column::columns]) for column in range(min(columns, len(rows[0])))
    ]
    heights = [max(picture.height for picture in row) for row in rows]
    top = TITLE_HEIGHT if title else GAP
    sheet = Image.new("RGB", (sum(widths) + GAP * (len(widths) + 1), top + sum(heights) + GAP * len(heights)), PAPER)
    if title:
        draw = ImageDraw.Draw(sheet)
        draw.text(
            (GAP, top / 2),
            title,
            fill=INK,
            font=captions.fitting_font(title, TITLE_SIZE, sheet.width - 2 * GAP),
            anchor="lm",
        )
    for row, height in zip(rows, heights, strict=True):
        left = GAP
        for picture, width in zip(row, widths, strict=False):
            sheet.paste(picture, (left + (width - picture.width) // 2, top + (height - picture.height) // 2))
            left += width + GAP
        top += height + GAP
    return sheet


def _colour(name: str, colours: Mapping[str, Colour] | None) -> Colour:
    return (colours or {}).get(name) or COLOURS[zlib.crc32(name.encode()) % len(COLOURS)]


def _count(truth: list[Box]) -> str:
    crowds = sum(box.is_crowd for box in truth)
    objects = f"{len(truth) - crowds}"
    return f"{objects} and {crowds} crowd{'s' if crowds > 1 else ''}" if crowds else objects


def _headed(panel: Image.Image, heading: str) -> Image.Image:
    headed = Image.new("RGB", (panel.width, panel.height + HEADING_HEIGHT), PAPER)
    headed.paste(panel, (0, HEADING_HEIGHT))
    font = captions.fitting_font(heading, HEADING_SIZE, panel.width - 4)
    ImageDraw.Draw(headed).text((2, HEADING_HEIGHT / 2), heading, fill=INK, font=font, anchor="lm")
    return headed


def _corners(box: Box, scale: float, limits: tuple[int, int]) -> Place:
    """The pixels that the box covers, cut to the canvas."""
    x, y, w, h = (float(value) * scale for value in box.bbox)
    left = min(max(round(x), 0), limits[0] - 1)
    top = min(max(round(y), 0), limits[1] - 1)
    right = min(max(round(x + w) - 1, left), limits[0] - 1)
    bottom = min(max(round(y + h) - 1, top), limits[1] - 1)
    return left, top, right, bottom


def _draw_box(draw: ImageDraw.ImageDraw, place: Place, colour: Colour, dashed: bool, line: int) -> None:
    left, top, right, bottom = place
    side = min(right - left, bottom - top)
    small = side < 6 * line  # a thick line would hide what is in the box
    width = max(1, side // 18) if small else line
    halo = (left - 1, top - 1, right + 1, bottom + 1)
    draw.rectangle(halo, outline=HALO, width=1 if width == 1 else width + 2)
    if dashed and not small:
        _draw_dashes(draw, place, colour, line)
    else:
        draw.rectangle(place, outline=colour, width=width)


def _draw_dashes(draw: ImageDraw.ImageDraw, place: Place, colour: Colour, line: int) -> None:
    left, top, right, bottom = place
    for x in range(left, right + 1, 2 * DASH):
        stop = min(x + DASH - 1, right)
        draw.rectangle((x, top, stop, top + line - 1), fill=colour)
        draw.rectangle((x, bottom - line + 1, stop, bottom), fill=colour)
    for y in range(top, bottom + 1, 2 * DASH):
        stop = min(y + DASH - 1, bottom)
        draw.rectangle((left, y, left + line - 1, stop), fill=colour)
        draw.rectangle((right - line + 1, y, right, stop), fill=colour)
