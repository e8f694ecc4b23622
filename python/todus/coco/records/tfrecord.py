"""The framing of TFRecord files, of which TensorFlow's own code is the only description (tensorflow/core/lib/io)."""

from __future__ import annotations

import struct
from typing import BinaryIO

import google_crc32c

CRC_MASK = 0xA282EAD8  # tensorflow/core/lib/hash/crc32c.h


def write_record(file: BinaryIO, data: bytes) -> None:
    """Append one record: length (uint64), its masked CRC32C, the data, its masked CRC32C, little endian."""
    length = struct.pack("<Q", len(data))
    file.write(length + _masked_crc(length))
    file.write(data)
    file.write(_masked_crc(data))


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + CRC_MASK) & 0xFFFFFFFF)
