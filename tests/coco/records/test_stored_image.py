"""What goes into a record is what the Object Detection API's own image reader shows right."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from coco.records import pictures
from todus.coco import encoded_image
from todus.coco.records import stored_image
from todus.errors import UserError

LOSSY = 8  # of 255: Pillow's decoder and TensorFlow's round JPEG differently


@pytest.fixture(scope="module")
def read_by_the_api():
    """A function that reads an image as TfExampleDecoder does: (height, width, 3)."""
    from tf_slim import tfexample_decoder

    from todus.bridge.graph_mode import tf

    with tf.Graph().as_default(), tf.Session() as session:
        encoded = tf.placeholder(tf.string)
        kind = tf.placeholder(tf.string)
        handler = tfexample_decoder.Image("encoded", "format", channels=3)
        pixels = handler.tensors_to_item({"encoded": encoded, "format": kind})
        yield lambda data, of_kind: session.run(pixels, {encoded: data, kind: of_kind})


def shown(encoded: bytes) -> np.ndarray:
    """The colours as Pillow has them, in 8 bits."""
    picture = Image.open(io.BytesIO(encoded))
    if picture.mode == "I;16":
        return np.repeat((np.array(picture) >> 8).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)
    return np.array(picture.convert("RGB"))


@pytest.mark.parametrize("kind", pictures.kept())
def test_keeps_what_the_api_reads(kind, read_by_the_api):
    encoded = pictures.kept()[kind]
    stored = stored_image.stored(encoded)
    assert (stored.encoded, stored.made_anew) == (encoded, "")
    assert stored.format == (b"png" if kind.startswith("PNG") else b"jpeg")
    assert stored.size == (pictures.WIDTH, pictures.HEIGHT)
    read = read_by_the_api(stored.encoded, stored.format).astype(int)
    expected = shown(encoded)
    if "without a word of Adobe" in kind:
        expected = by_the_letter(encoded)
    assert np.abs(read - expected).max() <= (LOSSY if "JPEG" in kind else 0)


def by_the_letter(encoded: bytes) -> np.ndarray:
    """CMYK where 0 is no ink. Pillow takes every CMYK JPEG for one of Adobe's, where 255 is no ink."""
    inks = 255 - np.array(Image.open(io.BytesIO(encoded))).astype(int)
    return (255 - inks[:, :, :3]) * (255 - inks[:, :, 3:]) // 255


@pytest.mark.parametrize("kind", pictures.made_png())
def test_makes_png_of_what_the_api_does_not_read(kind, read_by_the_api):
    encoded = pictures.made_png()[kind]
    stored = stored_image.stored(encoded)
    assert (stored.format, stored.made_anew) == (b"png", f"{kind.split()[0]} made PNG")
    assert stored.size == (pictures.WIDTH, pictures.HEIGHT)
    assert np.array_equal(read_by_the_api(stored.encoded, stored.format), shown(encoded))


# A plain BMP it would have read, but a record says jpeg or png.
@pytest.mark.parametrize("kind", sorted({*pictures.made_png()} - {"BMP"}))
def test_the_api_would_not_have_read_it(kind, read_by_the_api):
    try:
        read = read_by_the_api(pictures.made_png()[kind], b"jpeg")
    except Exception:
        return
    assert not np.array_equal(read, shown(pictures.made_png()[kind]))


def test_makes_png_of_a_jpeg_that_few_can_read(read_by_the_api):
    """Arithmetic coding, which patents kept rare: any bytes mean something in it, so the Huffman codes will do."""
    encoded = pictures.kept()["grey JPEG"].replace(b"\xff\xc0", b"\xff\xc9")
    stored = stored_image.stored(encoded)
    assert (stored.format, stored.made_anew) == (b"png", "rare JPEG made PNG")
    assert np.array_equal(read_by_the_api(stored.encoded, stored.format), shown(encoded))


@pytest.mark.parametrize("kind", pictures.broken())
def test_refuses_what_is_no_whole_image(kind):
    encoded, problem = pictures.broken()[kind]
    with pytest.raises(encoded_image.BadImage, match=problem):
        stored_image.stored(encoded)


def test_the_same_file_is_made_the_same_png():
    made = {hashlib.sha256(stored_image.stored(pictures.made_png()["GIF"]).encoded).digest() for _ in range(3)}
    assert len(made) == 1


def test_names_an_image_that_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"gone\.jpg; run again to fetch it"):
        stored_image.read(tmp_path / "gone.jpg")
