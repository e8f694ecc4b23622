"""Image files of every kind that hides under the name of a JPEG, made of one small picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 48, 40


def colours() -> Image.Image:
    """Patches of 8 by 8 pixels in 30 colours: large enough for JPEG to keep them, few enough for a palette."""
    patches = np.random.default_rng(3).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3))
    return Image.fromarray(np.kron(patches, np.ones((8, 8, 1))).astype(np.uint8))


def noise() -> Image.Image:
    return Image.effect_noise((WIDTH, HEIGHT), 50).convert("RGB")


def file(picture: Image.Image, kind: str, **options: object) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, kind, **options)
    return encoded.getvalue()


def translucent() -> Image.Image:
    picture = colours().convert("RGBA")
    picture.putalpha(colours().convert("L"))
    return picture


def sixteen_bits() -> Image.Image:
    return Image.fromarray((np.array(colours().convert("L")).astype(np.uint16) << 8) + 77)


def without_adobe(encoded: bytes) -> bytes:
    """A JPEG without the segment in which Adobe says that the inks are upside down."""
    start = encoded.index(b"Adobe") - 4
    return encoded[:start] + encoded[start + 2 + int.from_bytes(encoded[start + 2 : start + 4], "big") :]


def kept() -> dict[str, bytes]:
    """What goes into a record as it is."""
    return {
        "JPEG": file(colours(), "JPEG", quality=95),
        "progressive JPEG": file(colours(), "JPEG", progressive=True),
        "grey JPEG": file(colours().convert("L"), "JPEG"),
        "CMYK JPEG": file(colours().convert("CMYK"), "JPEG"),
        "CMYK JPEG without a word of Adobe": without_adobe(file(colours().convert("CMYK"), "JPEG")),
        "JPEG with something behind it": file(colours(), "JPEG") + b"maker's notes",
        "JPEG with a thumbnail in it": file(colours(), "JPEG", exif=b"Exif\0\0" + file(noise(), "JPEG")),
        "PNG": file(colours(), "PNG"),
        "PNG with alpha": file(translucent(), "PNG"),
        "PNG with a palette": file(colours().quantize(32), "PNG", transparency=3),
        "PNG of one bit": file(colours().convert("1"), "PNG"),
        "PNG of 16 bits": file(sixteen_bits(), "PNG"),
    }


def made_png() -> dict[str, bytes]:
    """What the Object Detection API's reader does not take, or not right."""
    turned = colours().rotate(180)
    return {
        "GIF": file(colours(), "GIF"),
        "GIF that moves": file(colours(), "GIF", save_all=True, append_images=[turned]),
        "BMP": file(colours(), "BMP"),
        "BMP with a palette": file(colours().quantize(32), "BMP"),
        "WEBP": file(colours(), "WEBP", lossless=True),
        "WEBP with alpha": file(translucent(), "WEBP", lossless=True, exact=True),
        "TIFF": file(colours(), "TIFF"),
        "TIFF of 16 bits": file(sixteen_bits(), "TIFF"),
    }


def broken() -> dict[str, tuple[bytes, str]]:
    """(file, what is wrong with it)"""
    jpeg, png = file(noise(), "JPEG"), file(noise(), "PNG")
    with_thumbnail = file(colours(), "JPEG", exif=b"Exif\0\0" + jpeg)
    return {
        "empty": (b"", "not an image"),
        "HTML": (b"<html>not found</html>", "not an image"),
        "JPEG cut off": (jpeg[:-400], "cut off"),
        "JPEG cut off in its header": (jpeg[:100], "cut off"),
        "JPEG that ends with its thumbnail": (with_thumbnail[: with_thumbnail.index(b"\xff\xd9") + 2], "broken"),
        "JPEG without pixels": (jpeg[: jpeg.index(b"\xff\xda")] + b"\xff\xd9", "broken"),
        "PNG cut off": (png[:-400], "cut off"),
        "PNG with damage": (png[:500] + bytes(20) + png[520:], "broken"),
    }
