"""One file on its way over http: what has come of it lies in `.part`, and the next attempt goes on from there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import urllib3

from todus import files
from todus.downloading import transport
from todus.downloading.transport import NoRange, Patience, TryAgain
from todus.errors import TodusError, WorldError
from todus.progress import Progress

CHUNK = 1 << 18  # bytes read and written at a time

Check = Callable[[Path], "str | None"]  # what is wrong with a file that has come whole; None: nothing


class Transfer:
    """`url`, or its bytes from window[0] up to window[1] (not included), on the way to `target`.

    `check` looks at the whole file before it gets its name. A transfer that is not `resumable` is meant for small
    files: it keeps no notes, and begins anew each time. `most` is the largest size that can be right, in bytes.
    """

    def __init__(
        self,
        url: str,
        target: Path,
        patience: Patience,
        window: tuple[int, int] | None = None,
        check: Check | None = None,
        connections: int = 1,
        resumable: bool = True,
        most: int | None = None,
        show: Callable[[int, int | None], Progress] | None = None,
    ):
        self.url, self.target, self.window, self.check = url, target, window, check
        self.patience, self.connections, self.resumable, self.most = patience, connections, resumable, most
        self.part = target.with_name(target.name + ".part")
        self.origin = target.with_name(target.name + ".part.json")
        self.tries = transport.Tries(url, patience)
        self.furthest = size_of(self.part) if resumable else 0
        self.show, self.bar = show, None

    def attempt(self) -> None:
        """Try once; after that the file is there. Raises TryAgain, NotFound, NoRange, WorldError, UserError."""
        origin = self._known_origin()
        have = size_of(self.part) if origin else 0
        if not (have and have == origin["length"]):  # else the last run ended between the last byte and the renaming
            headers = self._range(have)
            if have and origin["version"]:
                headers["If-Range"] = origin["version"]
            with transport.answer(self.url, headers, self.patience, self.connections) as response:
                self._receive(response, have, origin)
        self._accept()

    def failed(self, problem: TryAgain) -> float:
        """Seconds to wait before the next attempt. Raises WorldError if there have been enough."""
        size = size_of(self.part) if self.resumable else 0
        got_further = size > self.furthest
        self.furthest = max(size, self.furthest)
        return self.tries.failed(problem, got_further)

    def _range(self, have: int) -> dict[str, str]:
        if self.window:
            return {"Range": f"bytes={self.window[0] + have}-{self.window[1] - 1}"}
        return {"Range": f"bytes={have}-"} if have else {}

    def _receive(self, response: urllib3.BaseHTTPResponse, have: int, origin: dict | None) -> None:
        if response.status == transport.PARTIAL and (have or self.window):
            length = self._goes_on(response, have, origin)
        elif response.status == 200 and not self.window:
            have, length = 0, transport.length_of(response)
        else:
            raise self._not_as_asked(response, have)
        if self.most is not None and (length or 0) > self.most:
            raise TryAgain(f"the server announces {length:,} bytes, and no such file has more than {self.most:,}")
        if self.resumable:
            files.require_space(self.part.parent, (length or 0) - have, self.target.name)
        if not have:
            self._begin(transport.version_of(response), length)
        if self.show:
            self._show(have, length)
        came = self._write(response, have, length)
        if length is not None and came != length:
            raise TryAgain(f"{came:,} bytes came, not {length:,}")

    def _goes_on(self, response: urllib3.BaseHTTPResponse, have: int, origin: dict | None) -> int | None:
        """The bytes that the part will have. Raises TryAgain if this is not the piece that was asked for."""
        first = self.window[0] if self.window else 0
        length = self.window[1] - first if self.window else origin["length"]
        piece = transport.piece_of(response)
        right = piece is not None and piece[0] == first + have
        if right and self.window:
            right = piece[1] <= self.window[1]
        elif right:  # of a file of the same size
            right = length is None or piece[2] in (None, length)
        if not right:
            self.forget()
            raise TryAgain("the server sent another piece than the one asked for")
        return length

    def _not_as_asked(self, response: urllib3.BaseHTTPResponse, have: int) -> Exception:
        """The error for an answer that the question does not allow."""
        if have:
            self.forget()
            shorter = response.status == transport.PAST_THE_END
            return TryAgain(
                f"the file on the server {'is shorter than' if shorter else 'is not the one of'} what had come"
            )
        if self.window and response.status == 200:
            return NoRange(f"{self.url}: the server sends whole files only")
        return WorldError(f"cannot fetch {self.url}: the server answered {response.status} {response.reason or ''}")

    def _begin(self, version: str, length: int | None) -> None:
        """Start from the first byte, and write down which version of the file this is before any of it."""
        if not self.resumable:
            return
        self.forget()
        origin = {"url": self.url, "window": self.window, "version": version, "length": length}
        self.origin.write_text(json.dumps(origin), encoding="utf-8")

    def _write(self, response: urllib3.BaseHTTPResponse, have: int, length: int | None) -> int:
        """Write what comes to the part; returns its size then."""
        most = length if length is not None else self.most
        with self.part.open("ab" if have else "wb", buffering=0) as part:
            for chunk in response.stream(CHUNK, decode_content=False):
                if most is not None and have + len(chunk) > most:
                    raise self._too_long(most)
                part.write(chunk)
                have += len(chunk)
                if self.bar:
                    self.bar.advance(len(chunk))
        return have

    def _too_long(self, most: int) -> TryAgain:
        self.forget()
        return TryAgain(f"more than {most:,} bytes came")

    def _accept(self) -> None:
        """Let the part, which is whole, become the file, if it is what it should be."""
        try:
            reason = self.check(self.part) if self.check else None
        except TodusError:  # not even worth another attempt
            self.forget()
            raise
        if reason:
            self.forget()
            raise TryAgain(reason, bad_file=True)
        os.replace(self.part, self.target)
        if self.resumable:
            self.origin.unlink(missing_ok=True)

    def forget(self) -> None:
        """Throw away what has come."""
        self.part.unlink(missing_ok=True)
        if self.resumable:
            self.origin.unlink(missing_ok=True)

    def _known_origin(self) -> dict | None:
        """What the part belongs to; None where that is unknown, another address or another window."""
        if not self.resumable:
            return None
        try:
            origin = json.loads(self.origin.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        window = list(self.window) if self.window else None
        known = isinstance(origin, dict) and {"length", "version"} <= origin.keys()
        return origin if known and (origin.get("url"), origin.get("window")) == (self.url, window) else None

    def _show(self, have: int, length: int | None) -> None:
        if self.bar is None:
            self.bar = self.show(have, length)
        else:
            self.bar.advance(have - self.bar.done)  # back to where this attempt begins


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
