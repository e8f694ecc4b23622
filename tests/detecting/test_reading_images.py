"""Images as people see them: upright, on white, 8 bits; and what is wrong with those that cannot be read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from todus.detecting import image_file
from todus.detecting.results import InputError

WIDTH, HEIGHT = 40, 24
# How a camera stores what is upright, for each EXIF orientation: the inverse of how it is to be shown.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: np.rot90(upright, 2).swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, 3),
}


def scene() -> np.ndarray:
    """An image without any symmetry, uint8 [HEIGHT, WIDTH, 3]."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([6 * columns, 10 * rows, 3 * (rows + columns)], axis=2).astype(np.uint8)


def read(path: Path) -> np.ndarray:
    return np.asarray(image_file.read(path))


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_turned_image_is_read_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](scene())))
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}}.get(suffix, {})
    stored.save(path, exif=turned(orientation), **options)
    assert np.allclose(read(path).astype(int), scene(), atol=4 if suffix == "jpg" else 0)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("mode", ["L", "1", "I;16", "I", "F", "P", "RGBA", "CMYK"])
def test_a_turned_tiff_of_any_kind_is_read_upright(tmp_path: Path, mode: str, orientation: int) -> None:
    upright = of_mode(mode)
    upright.save(tmp_path / "upright.tif")
    pixels = np.asarray(upright)
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](pixels)), *([mode] if mode == "CMYK" else []))
    if mode == "P":
        stored.putpalette(upright.getpalette())
    stored.save(tmp_path / "turned.tif", exif=turned(orientation))
    assert (read(tmp_path / "turned.tif") == read(tmp_path / "upright.tif")).all()


def of_mode(mode: str) -> Image.Image:
    grey = scene()[:, :, 0]
    if mode in ("I;16", "I", "F"):
        return Image.fromarray(grey.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]) * 257)
    return Image.fromarray(scene()).convert(mode)


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    colours = Image.fromarray(scene()).convert("RGBA")
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:10], alpha[10:12] = 0, 128
    colours.putalpha(Image.fromarray(alpha))
    colours.save(tmp_path / "rgba.png")
    seen = read(tmp_path / "rgba.png")
    assert (seen[:10] == 255).all() and (seen[12:] == scene()[12:]).all()
    assert np.allclose(seen[10:12].astype(int), scene()[10:12] / 2 + 127.5, atol=2)

    palette = Image.fromarray((scene()[:, :, 0] // 100).astype(np.uint8), "L").convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    palette.save(tmp_path / "palette.png", transparency=1)
    assert {tuple(colour) for colour in read(tmp_path / "palette.png").reshape(-1, 3).tolist()} == {
        (10, 20, 30),
        (255, 255, 255),
        (70, 80, 90),
    }


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_16_bits_keeps_its_shades(tmp_path: Path, suffix: str) -> None:
    grey = scene()[:, :, 0]
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / f"grey.{suffix}")
    assert (read(tmp_path / f"grey.{suffix}") == grey[:, :, None]).all()


def test_of_16_bits_the_upper_8_are_taken(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0x00FF, 0x0100, 0xFF00]], np.uint16)).save(tmp_path / "grey.png")
    assert read(tmp_path / "grey.png")[0, :, 0].tolist() == [0, 1, 255]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_values_without_a_white_go_from_the_least_to_the_greatest(tmp_path: Path, kind: type) -> None:
    values = np.array([[-1000, 0], [500, 1000]], kind)
    if kind is np.float32:
        values[0, 1] = np.nan
    Image.fromarray(values).save(tmp_path / "values.tif")
    seen = read(tmp_path / "values.tif")[:, :, 0]
    assert seen[0, 0] == 0 and seen[1].tolist() == [191, 255]


def test_other_kinds_of_colour_and_files_are_read(tmp_path: Path) -> None:
    smooth = Image.fromarray(scene())
    smooth.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    smooth.convert("L").save(tmp_path / "grey.jpg", quality=100)
    smooth.save(tmp_path / "plain.bmp")
    other = Image.new("RGB", smooth.size, "red")
    smooth.quantize(256).save(tmp_path / "moving.gif", save_all=True, append_images=[other])
    smooth.convert("1").save(tmp_path / "ink.png")
    assert (read(tmp_path / "plain.bmp") == scene()).all()
    for name in ("cmyk.jpg", "moving.gif"):
        assert np.allclose(read(tmp_path / name).astype(int), scene(), atol=24), name
    for name in ("grey.jpg", "ink.png"):
        seen = read(tmp_path / name)
        assert seen.shape == (HEIGHT, WIDTH, 3) and (seen[:, :, 0] == seen[:, :, 2]).all()


def test_damaged_exif_data_does_not_keep_an_image_from_being_read(tmp_path: Path) -> None:
    for damaged in (b"Exif\0\0no TIFF file", b"Exif\0\0M", b"Exif\0\0II*\0\xff\xff\xff\xff"):
        Image.fromarray(scene()).save(tmp_path / "odd.png", exif=damaged)
        assert (read(tmp_path / "odd.png") == scene()).all()


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 3.6 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def half(suffix: str, tmp_path: Path) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{suffix}")
    encoded = (tmp_path / f"whole.{suffix}").read_bytes()
    return encoded[: len(encoded) // 2]


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "tif", "webp"])
def test_half_a_file_is_no_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"half.{suffix}"
    path.write_bytes(half(suffix, tmp_path))
    with pytest.raises(InputError, match="broken" if suffix == "webp" else "cut off"):
        image_file.read(path)


def test_what_is_wrong_is_said_in_a_few_words(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    path = tmp_path / "image.png"
    for content, reason in ((b"hello", "no whole JPEG"), (b"", "an empty file"), (bomb(), "too many pixels")):
        path.write_bytes(content)
        with pytest.raises(InputError, match=reason) as caught:
            image_file.read(path)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 80
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")  # which Pillow would start Ghostscript for
    with pytest.raises(InputError, match="no whole JPEG"):
        image_file.read(path)
    link = tmp_path / "link.jpg"
    link.symlink_to("nowhere.jpg")
    with pytest.raises(InputError, match="a link to nothing"):
        image_file.read(link)
    assert capfd.readouterr() == ("", "")
