"""Draw what was found, with lines and captions that fit the image. Needs Pillow only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from PIL import Image

from todus import picture
from todus.captions import Colour

SHORT_SIDE, LONG_SIDE = 320, 640  # pixels: a smaller image is enlarged to the first that it reaches
TEXT_SHARE, LEAST_TEXT = 1 / 45, 11  # height of captions: a share of the image's mean side, and pixels


def draw(
    image: Image.Image, boxes: Sequence[picture.Box], colours: Mapping[str, Colour], *, enlarge: bool = True
) -> Image.Image:
    """A copy of the image, RGB, with `boxes`, their names and scores.

    Small images are enlarged, unless `enlarge` is false, so that captions do not cover them.
    """
    scale = max(1.0, min(SHORT_SIDE / min(image.size), LONG_SIDE / max(image.size))) if enlarge else 1.0
    text = max(LEAST_TEXT, round(TEXT_SHARE * scale * math.sqrt(image.width * image.height)))
    return picture.draw_boxes(
        image,
        boxes,
        colours,
        min_height=round(scale * image.height),
        text_size=text,
        line=round(picture.LINE * text / picture.TEXT_SIZE),
    )
