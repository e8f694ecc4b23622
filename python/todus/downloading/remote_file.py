"""A file on a server, read here and there without fetching all of it."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import urllib3

from todus.downloading import transport
from todus.downloading.transport import NoRange, Patience, TryAgain

TAIL = 1 << 16  # bytes at the end, which are fetched first: a zip archive is read from its end
MOST_AT_ONCE = 1 << 26  # bytes; the directory of COCO's largest archive has a sixth of that

Result = TypeVar("Result")


class RemoteFile(io.RawIOBase):
    """`url` (http or https) as a file to seek and read in, each read a request for just these bytes.

    Attributes: size (bytes). Raises NoRange (the server sends whole files only), NotFound, WorldError.
    """

    def __init__(self, url: str, patience: Patience):
        super().__init__()
        self.url, self.patience = url, patience
        self.version: str | None = None
        self.position = 0
        self.windows: dict[tuple[int, int], Path] = {}
        self.size, self.tail = self._persist(self._read_tail)

    def attach(self, first: int, path: Path) -> None:
        """Read from `path` from now on what begins at byte `first`."""
        self.windows[first, first + path.stat().st_size] = path

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        if position < 0:
            raise ValueError("a place before the beginning")
        self.position = position
        return position

    def read(self, count: int = -1) -> bytes:
        first = min(self.position, self.size)
        stop = self.size if count is None or count < 0 else min(first + count, self.size)
        data = self._bytes(first, stop) if stop > first else b""
        self.position = first + len(data)
        return data

    def _bytes(self, first: int, stop: int) -> bytes:
        for (begin, end), path in self.windows.items():
            if begin <= first < end:
                with path.open("rb") as file:
                    file.seek(first - begin)
                    return file.read(min(stop, end) - first)
        if first >= self.size - len(self.tail):
            begin = first - (self.size - len(self.tail))
            return self.tail[begin : begin + stop - first]
        if stop - first > MOST_AT_ONCE:
            raise ValueError(f"{stop - first:,} bytes at once")
        return self._persist(lambda: self._read_piece(first, stop))

    def _persist(self, read: Callable[[], Result]) -> Result:
        tries = transport.Tries(self.url, self.patience)
        while True:
            try:
                return read()
            except TryAgain as problem:
                time.sleep(tries.failed(problem))

    def _read_tail(self) -> tuple[int, bytes]:
        with transport.answer(self.url, {"Range": f"bytes=-{TAIL}"}, self.patience) as response:
            if response.status != transport.PARTIAL:
                size = transport.length_of(response) if response.status == 200 else None
                raise NoRange(f"{self.url}: the server sends whole files only", size)
            first, stop, size = transport.piece_of(response) or (0, 0, None)
            if size is None or not 0 <= first < stop == size or stop - first > TAIL:
                raise NoRange(f"{self.url}: the server does not say which bytes it sends")
            self.version = transport.version_of(response)
            return size, _body(response, stop - first)

    def _read_piece(self, first: int, stop: int) -> bytes:
        with transport.answer(self.url, {"Range": f"bytes={first}-{stop - 1}"}, self.patience) as response:
            if (transport.version_of(response), response.status) != (self.version, transport.PARTIAL):
                raise TryAgain("the file on the server has changed, or is not sent in pieces any more")
            if transport.piece_of(response) != (first, stop, self.size):
                raise TryAgain("the server sent another piece than the one asked for")
            return _body(response, stop - first)


def _body(response: urllib3.BaseHTTPResponse, length: int) -> bytes:
    """The body, which has `length` bytes or is not taken."""
    body = b"".join(response.stream(length, decode_content=False)) if length else b""
    if len(body) != length:
        raise TryAgain(f"{len(body):,} bytes came, not {length:,}")
    return body
