"""Read a photo as people see it: upright, on white where it is transparent, 8 bits a channel. Needs Pillow only."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from todus.detecting.inputs import InputError

FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "GIF", "TIFF")
WHITE = (255, 255, 255, 255)
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error)  # what Pillow raises, by the kind of damage
_TOO_LARGE = (MemoryError, Image.DecompressionBombError)


def read(path: Path) -> Image.Image:
    """The photo, RGB and upright; of an animation the first picture.

    Raises:
      InputError: it is not a whole image of FORMATS, too large, or may not be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; of size, Pillow raises where it matters
            with Image.open(path, formats=FORMATS) as image:
                image.load()
                return _in_rgb(_upright(image))
    except (*_DAMAGED, *_TOO_LARGE) as error:
        raise InputError(_reason(path, error)) from None


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # of damaged EXIF data, whatever its reader comes across; the picture itself is whole
        return image


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_in_8_bits(image)).convert("RGB")
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", opaque.size, WHITE), opaque).convert("RGB")
    return image.convert("RGB")


def _in_8_bits(image: Image.Image) -> np.ndarray:
    """Grey values as uint8 [height, width]: of 16 bits the upper 8; of 32 bits and of floats, which do not tell what is
    white, from the least to the greatest of the image."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return (values // 257).astype(np.uint8)
    values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    shares = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0)
    return (shares * 255).astype(np.uint8)


def _reason(path: Path, error: Exception) -> str:
    text = str(error)
    if isinstance(error, FileNotFoundError):
        return "a link to nothing"
    if isinstance(error, PermissionError):
        return "may not be read"
    if isinstance(error, UnidentifiedImageError):
        return "no whole JPEG, PNG, BMP, WebP, GIF or TIFF image" if path.stat().st_size else "an empty file"
    if isinstance(error, _TOO_LARGE):
        return f"too many pixels (more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} are refused)"
    if "truncated" in text.lower():
        return "cut off"
    return f"broken ({' '.join(text.split()) or type(error).__name__})"
