"""Read an image as people see it: upright, on white where it is transparent, 8 bits a channel. Needs Pillow only."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from todus.detecting.results import InputError

KINDS = "JPEG, PNG, BMP, WebP, GIF or TIFF"
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "GIF", "TIFF")
_RGB_MODES = ("RGB", "RGBA", "RGBX", "P", "PA")  # of images whose colour profile is one for RGB
_WHITE = (255, 255, 255, 255)
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error)  # what Pillow raises, by the kind of damage
_TOO_LARGE = (MemoryError, Image.DecompressionBombError)
ERRORS = (*_DAMAGED, *_TOO_LARGE)


def read(path: Path) -> Image.Image:
    """The image, RGB and upright; of an animation the first one. `info` has its `icc_profile` if that is one for RGB.

    Raises:
      InputError: it is not a whole image of KINDS, too large, or may not be read.
    """
    try:
        with opened(path) as image:
            image.load()
            rgb = _in_rgb(_upright(image))
            profile = image.info.get("icc_profile") if image.mode in _RGB_MODES else None
            rgb.info = {"icc_profile": profile} if profile else {}
            return rgb
    except ERRORS as error:
        raise InputError(_reason(path, error)) from None


def is_image(path: Path) -> bool:
    """Whether the file begins as an image of KINDS does. Of one that may not be read the answer is yes: `read` tells
    why it cannot."""
    try:
        with opened(path):
            return True
    except UnidentifiedImageError:
        return False
    except ERRORS:
        return True


@contextmanager
def opened(path: Path, formats: Sequence[str] = _FORMATS) -> Iterator[Image.Image]:
    """The image as Pillow gives it, its pixels not yet read. Raises ERRORS."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata; of size, Pillow raises where it matters
        # By its name Pillow would map a plain TIFF into memory, and scramble it where its orientation is 5 to 8.
        with path.open("rb") as file, Image.open(file, formats=formats) as image:
            yield image


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # of damaged EXIF data, whatever its reader comes across; the image itself is whole
        return image


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_in_8_bits(image)).convert("RGB")
    if image.has_transparency_data:
        opaque = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", opaque.size, _WHITE), opaque).convert("RGB")
    return image.convert("RGB")


def _in_8_bits(image: Image.Image) -> np.ndarray:
    """Grey values as uint8 [height, width]: of 16 bits the upper 8; of 32 bits and of floats, which do not tell what is
    white, from the least to the greatest of the image."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return (values >> 8).astype(np.uint8)
    values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    shares = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0)
    return (shares * 255).astype(np.uint8)


def _reason(path: Path, error: Exception) -> str:
    text = str(error)
    if isinstance(error, FileNotFoundError):
        return "a link to nothing" if path.is_symlink() else "no longer there"
    if isinstance(error, PermissionError):
        return "may not be read"
    if isinstance(error, UnidentifiedImageError):
        return f"no whole {KINDS} image" if path.stat().st_size else "an empty file"
    if isinstance(error, _TOO_LARGE):
        return f"too many pixels (more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} are refused)"
    if "truncated" in text.lower():
        return "cut off"
    return f"broken ({' '.join(text.split()) or type(error).__name__})"
