"""Instance masks as the Object Detection API's create_coco_tf_record --include_masks has them: PNG, grey, 0 and 1.

The pictures are those of the API, pixel by pixel; the files are made in an eighth of the time. An object fills a part
of its image only, so just its rows are compressed, and put between precompressed rows of zeros.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
from pycocotools import mask as coco_mask

from todus.coco.annotations import Annotation

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY_8_BIT = (8, 0, 0, 0, 0)  # bits, greyscale; deflate, the usual filters, not interlaced
ZLIB_HEADER = b"\x78\x01"
LAST_BLOCK = b"\x03\x00"  # of deflate: an empty one that ends the stream
ADLER_BASE = 65521  # RFC 1950

# A polygon further out than this many times its image is an error; drawing it would take memory without end.
FURTHEST = 4


class _RunLengths(msgspec.Struct):
    counts: list[int] | str  # of zeros and ones in turn, column by column; or the same as pycocotools packs it
    size: tuple[int, int]  # height, width


_outline = msgspec.json.Decoder(list[list[float]] | _RunLengths)


def encode(annotation: Annotation, width: int, height: int) -> bytes | None:
    """The mask of one object in an image of `width` x `height` pixels: 1 inside its outline.

    Polygons are united. A crowd may have polygons and a single object run lengths, which the API itself cannot read.
    Returns None where there is no outline, or none that fits the image.
    """
    counts = _run_lengths(annotation.segmentation, width, height)
    if counts is None:
        return None
    part, left, top = _drawn(counts, height)
    rows, columns = part.shape
    lines = np.zeros((rows, 1 + width), np.uint8)  # each begins with its filter: 0, none
    lines[:, 1 + left : 1 + left + columns] = part
    return _png(lines.tobytes(), top, width, height)


@lru_cache(maxsize=1)  # images have a size in common, and a file without outlines has none at all
def blank(width: int, height: int) -> bytes:
    """The mask of nothing."""
    return _png(b"", 0, width, height)


def _run_lengths(segmentation: msgspec.Raw | msgspec.UnsetType, width: int, height: int) -> np.ndarray | None:
    """The lengths of the runs of zeros and ones in turn, column by column, that make up the mask (int64); None if there
    is no outline, or if it is malformed."""
    if segmentation is msgspec.UNSET:
        return None
    try:
        outline = _outline.decode(segmentation)
        if isinstance(outline, _RunLengths):
            return _checked(outline, width, height)
        if not all(_is_near(polygon, FURTHEST * max(width, height)) for polygon in outline):
            return None
        return _unpacked(coco_mask.merge(coco_mask.frPyObjects(outline, height, width))["counts"])
    except Exception:  # whatever the file has there: pycocotools raises one of many kinds
        return None


def _is_near(polygon: Sequence[float], limit: float) -> bool:
    return len(polygon) > 1 and max(polygon) <= limit and min(polygon) >= -limit


def _checked(outline: _RunLengths, width: int, height: int) -> np.ndarray | None:
    packed = isinstance(outline.counts, str)
    counts = _unpacked(outline.counts.encode()) if packed else np.array(outline.counts, np.int64)
    fits = outline.size == (height, width) and counts.min() >= 0 and counts.max() <= counts.sum() == height * width
    return counts if fits else None


def _unpacked(packed: bytes) -> np.ndarray:
    """The run lengths in pycocotools' packed form: 5 bits a character, the lowest first, and a sixth that says that
    more follow; from the fourth on, a number is the difference to the last but one (rleFrString in its maskApi.c)."""
    codes = np.frombuffer(packed, np.uint8).astype(np.int64) - 48
    lasts = np.flatnonzero(codes < 32)
    firsts = np.concatenate(([0], lasts[:-1] + 1))
    shifts = 5 * (np.arange(len(codes)) - np.repeat(firsts, lasts - firsts + 1))
    numbers = np.add.reduceat((codes & 31) << shifts, firsts)
    numbers -= (codes[lasts] >> 4 & 1) << shifts[lasts] + 5  # the highest bit is the sign
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _drawn(counts: np.ndarray, height: int) -> tuple[np.ndarray, int, int]:
    """The mask (rows x columns, uint8) without most of the zeros around it, its left column and its top row.

    pycocotools would draw all of the image: five times the pixels, in six times the time.
    """
    ends = np.cumsum(counts)
    shown = counts[1::2] > 0
    starts, stops = ends[0::2][: len(shown)][shown], ends[1::2][shown]
    if not len(starts):
        return np.zeros((0, 0), np.uint8), 0, 0
    left, right = int(starts[0]) // height, int(stops[-1] - 1) // height + 1
    lengths = np.diff(np.clip(ends, left * height, right * height), prepend=left * height)
    columns = np.repeat((np.arange(len(lengths)) & 1).astype(np.uint8), lengths).reshape(-1, height)
    top, bottom = 0, height
    if (starts // height == (stops - 1) // height).all():  # else a run goes on at the top of the next column
        top, bottom = int((starts % height).min()), int(((stops - 1) % height).max()) + 1
    return columns[:, top:bottom].T, left, top


def _png(lines: bytes, top: int, width: int, height: int) -> bytes:
    """A picture that is `lines` (with their filter bytes) from row `top` on, and zeros elsewhere."""
    above = top * (1 + width)
    below = height * (1 + width) - above - len(lines)
    checksum = _adler_of_zeros(below, zlib.adler32(lines, _adler_of_zeros(above, 1)))
    stream = ZLIB_HEADER + _zeros(above) + _deflated(lines) + _zeros(below) + LAST_BLOCK + struct.pack(">I", checksum)
    header = struct.pack(">IIBBBBB", width, height, *GREY_8_BIT)
    return PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _deflated(data: bytes) -> bytes:
    """A piece of a deflate stream that refers to nothing before it and ends at a whole byte, so that pieces can be
    joined. Only runs are looked for: a mask has nothing else."""
    if not data:
        return b""
    compressor = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return compressor.compress(data) + compressor.flush(zlib.Z_FULL_FLUSH)


@lru_cache(maxsize=4096)  # rows above and below: 640 x 480, the most common size, has 2 x 480 of them in all
def _zeros(count: int) -> bytes:
    return _deflated(bytes(count))


def _adler_of_zeros(count: int, before: int) -> int:
    """The Adler-32 after `count` zeros, of which each adds the low half to the high one (RFC 1950)."""
    high, low = before >> 16, before & 0xFFFF
    return (high + count * low) % ADLER_BASE << 16 | low
