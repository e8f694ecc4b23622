"""Image files as they are on disk: what they are, and whether they are whole. JPEG is told from its header, in
microseconds, so that 118,287 of them can be looked at; other formats are rare under COCO's names and are decoded."""

from __future__ import annotations

import io
import struct
import warnings
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL import Image

START_OF_JPEG = b"\xff\xd8\xff"
END_OF_JPEG = b"\xff\xd9"

# Markers of ITU-T T.81, table B.1: the byte after 0xff.
_START_OF_SCAN = 0xDA
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # those three are tables and a reserve
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
COMMON_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive, with Huffman coding: what everyone reads

NOT_AN_IMAGE = "not an image"
CUT_OFF = "cut off"
BROKEN = "broken"


class BadImage(Exception):  # noqa: N818  (its text is the problem)
    """No image, or not a whole one; the text says which in a word or two."""


class JpegHeader(NamedTuple):
    """What a JPEG file says of itself."""

    width: int
    height: int  # pixels; 0 if it is said only after the first scan
    components: int  # 1: grey, 3: colour, 4: CMYK
    bits: int  # a component
    frame: int  # the marker that tells how it is coded

    @property
    def is_common(self) -> bool:
        """Whether every reader of JPEG can be expected to read it."""
        return self.frame in COMMON_FRAMES and self.bits == 8 and self.components in (1, 3, 4) and self.height > 0


def problem(encoded: bytes) -> str | None:
    """What keeps `encoded` from being a whole image ("not an image", "cut off", "broken"); None if it is one.

    A JPEG that begins and ends as it should is taken for whole; damage inside it is not looked for.
    """
    try:
        if not plain_jpeg_header(encoded):
            decode(encoded)
    except BadImage as bad:
        return str(bad)
    return None


def plain_jpeg_header(encoded: bytes) -> JpegHeader | None:
    """The header, if `encoded` is a JPEG of the common kind from its first byte to its last, as header and end tell.

    None says that only decoding can tell.
    """
    header = jpeg_header(encoded)
    return header if header and header.is_common and encoded.endswith(END_OF_JPEG) else None


def jpeg_header(encoded: bytes) -> JpegHeader | None:
    """The header of a JPEG file, up to its first scan; None if there is none."""
    if not encoded.startswith(START_OF_JPEG):
        return None
    header, position = None, 2
    try:
        while True:
            if encoded[position] != 0xFF:
                return None
            marker = encoded[position + 1]
            if marker == 0xFF:  # filling
                position += 1
                continue
            if marker == _START_OF_SCAN:
                return header
            if marker in _FRAMES and header is None:
                bits, height, width, components = struct.unpack_from(">BHHB", encoded, position + 4)
                header = JpegHeader(width, height, components, bits, marker)
            position += 2 if marker in _WITHOUT_LENGTH else 2 + (encoded[position + 2] << 8 | encoded[position + 3])
    except (IndexError, struct.error):
        return None


def decode(encoded: bytes) -> Image.Image:
    """The picture, loaded (the first one of an animation). Raises BadImage."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; of size, Pillow raises where it matters
            picture = Image.open(io.BytesIO(encoded))
            picture.load()
            return picture
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError, struct.error) as error:
        raise BadImage(_reason(encoded, error)) from None


def _reason(encoded: bytes, error: Exception) -> str:
    from PIL import UnidentifiedImageError

    is_jpeg = encoded.startswith(START_OF_JPEG)
    if (is_jpeg and not encoded.endswith(END_OF_JPEG)) or "truncated" in str(error).lower():
        return CUT_OFF
    return NOT_AN_IMAGE if isinstance(error, UnidentifiedImageError) and not is_jpeg else BROKEN
