"""Whether a file is a whole image, from its bytes."""

import pytest

from coco.records import pictures
from todus.coco import encoded_image


@pytest.mark.parametrize("kind", [*pictures.kept(), *pictures.made_png()])
def test_a_whole_image_has_no_problem(kind):
    assert encoded_image.problem({**pictures.kept(), **pictures.made_png()}[kind]) is None


@pytest.mark.parametrize("kind", pictures.broken())
def test_says_what_is_wrong_with_an_image(kind):
    encoded, problem = pictures.broken()[kind]
    assert encoded_image.problem(encoded) == problem


def test_no_beginning_of_a_jpeg_passes_for_all_of_it():
    encoded = pictures.kept()["JPEG with a thumbnail in it"]
    assert all(encoded_image.problem(encoded[:length]) for length in range(len(encoded) - 1))


@pytest.mark.parametrize(
    ("kind", "components"), [("JPEG", 3), ("progressive JPEG", 3), ("grey JPEG", 1), ("CMYK JPEG", 4)]
)
def test_reads_the_header_of_a_jpeg(kind, components):
    header = encoded_image.plain_jpeg_header(pictures.kept()[kind])
    assert (header.width, header.height) == (pictures.WIDTH, pictures.HEIGHT)
    assert (header.components, header.bits) == (components, 8)


def test_reads_a_header_with_filling_between_its_segments():
    encoded = pictures.kept()["JPEG"]
    assert encoded_image.jpeg_header(encoded[:2] + b"\xff" * 9 + encoded[2:]) == encoded_image.jpeg_header(encoded)


def test_takes_the_size_of_the_image_not_of_its_thumbnail():
    from PIL import Image

    thumbnail = pictures.file(Image.new("RGB", (7, 5)), "JPEG")
    encoded = pictures.file(pictures.colours(), "JPEG", exif=b"Exif\0\0" + thumbnail)
    assert encoded_image.plain_jpeg_header(encoded)[:2] == (pictures.WIDTH, pictures.HEIGHT)
