"""Images as records hold them: the file's own bytes wherever the Object Detection API reads these right.

What it reads right was tried out (tests/coco/test_stored_image.py): JPEG, be it grey or CMYK, and PNG of any kind, of
which it drops the alpha. GIF and WebP it takes for films, the colours of a BMP with a palette for grey; TIFF and others
it does not know. Those are made PNG, pixel by pixel.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from todus.coco import encoded_image
from todus.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

KEPT_BY_PNG = ("1", "L", "RGB", "I;16")  # Pillow's modes that PNG has too, and that have no alpha


class StoredImage(NamedTuple):
    """An image file for a record."""

    encoded: bytes
    format: bytes  # of `encoded`: b"jpeg" or b"png"
    size: tuple[int, int]  # width, height in pixels
    made_anew: str = ""  # how, if `encoded` is not what the file holds: "GIF made PNG"


def read(path: Path) -> StoredImage:
    """Raises UserError if there is no file, and encoded_image.BadImage if it is not a whole image."""
    try:
        with path.open("rb", buffering=0) as file:
            return stored(file.read())
    except FileNotFoundError:
        raise UserError(f"there is no image {path}; run again to fetch it") from None


def stored(encoded: bytes) -> StoredImage:
    """How the image file `encoded` goes into a record. Raises encoded_image.BadImage."""
    header = encoded_image.plain_jpeg_header(encoded)
    if header:
        return StoredImage(encoded, b"jpeg", (header.width, header.height))
    picture = encoded_image.decode(encoded)
    header = encoded_image.jpeg_header(encoded)
    if header and header.is_common:  # whole, but with something behind its end
        return StoredImage(encoded, b"jpeg", picture.size)
    if picture.format == "PNG":
        return StoredImage(encoded, b"png", picture.size)
    kind = "rare JPEG" if header else picture.format
    return StoredImage(_as_png(picture), b"png", picture.size, f"{kind} made PNG")


def _as_png(picture: Image.Image) -> bytes:
    if picture.mode not in KEPT_BY_PNG:
        picture = picture.convert("RGB")
    png = io.BytesIO()
    picture.save(png, "PNG")
    return png.getvalue()
