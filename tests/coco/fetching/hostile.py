"""A mirror that misbehaves: each request for a path can get another fault, until the list for it is used up."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

HTML = b"<html>Sorry, come back later.</html>"
BLOCK = 1 << 16
STALL = 3.0  # seconds; the clients here have less patience
FAULTS = (
    "reset",
    "503",
    "429",
    "429 until",
    "stalled",
    "cut off",
    "announces more",
    "announces less",
    "html",
    "longer",
)


class HostileServer(ThreadingHTTPServer):
    """`every` are the faults that each path gets in turn, unless `faults` has some for it; `ranges` turns Range off;
    `pause` are the seconds before each block."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path):
        self.folder = folder
        self.every: Sequence[str | None] = ()
        self.faults: dict[str, Sequence[str | None]] = {}
        self.ranges, self.pause = True, 0.0
        self.asked: dict[str, list[str | None]] = defaultdict(list)  # the Range of every request, by path
        self.sent: dict[str, int] = defaultdict(int)  # bytes of bodies, by path
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Answers that break off are the point."""


@contextmanager
def serve(folder: Path) -> Iterator[HostileServer]:
    server = HostileServer(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)  # a proxy is asked for a whole address
        faults = self.server.faults.get(path, self.server.every)
        count = len(self.server.asked[path])
        self.server.asked[path].append(self.headers.get("Range"))
        fault = faults[count] if count < len(faults) else None
        if fault == "reset":
            self._reset()
        elif fault == "503":
            self._answer(503, b"busy")
        elif fault == "429":
            self._answer(429, b"slowly", {"Retry-After": "0"})
        elif fault == "429 until":
            self._answer(429, b"slowly", {"Retry-After": formatdate(time.time() - 60, usegmt=True)})
        elif fault == "html":
            self._answer(200, HTML)
        elif fault == "stalled":
            time.sleep(STALL)
            self.close_connection = True
        else:
            self._file(path, fault)

    def _file(self, path: str, fault: str | None) -> None:
        file = self.server.folder / path.lstrip("/")
        if not file.is_file():
            self._answer(404, b"no")
            return
        body = file.read_bytes()
        status, headers = 200, {"ETag": f'"{hash(body)}"'}
        wanted = re.fullmatch(r"bytes=(?:(\d+)-(\d*)|-(\d+))", self.headers.get("Range", ""))
        if wanted and self.server.ranges and self.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
            first = int(wanted[1]) if wanted[1] else max(len(body) - int(wanted[3]), 0)
            stop = min(int(wanted[2]) + 1, len(body)) if wanted[2] else len(body)
            headers["Content-Range"] = f"bytes {first}-{stop - 1}/{len(body)}"
            status, body = 206, body[first:stop]
        announced = len(body)
        if fault == "cut off":
            body = body[: len(body) // 2]
        elif fault == "announces more":
            announced += 1000
        elif fault == "announces less":
            announced //= 2
        elif fault == "garbled":
            body = body[: len(body) // 2] + bytes(200) + body[len(body) // 2 + 200 :]
        elif fault == "longer":
            body += b"and more"
        self._answer(status, body, headers, announced, path)

    def _answer(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        announced: int | None = None,
        path: str = "",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        for start in range(0, len(body), BLOCK):
            if self.server.pause:
                time.sleep(self.server.pause)
            self.server.sent[path] += len(body[start : start + BLOCK])  # before the client can know of it
            self.wfile.write(body[start : start + BLOCK])
        if announced not in (None, len(body)):
            self.close_connection = announced > len(body)  # what is too much stays in the connection, as it would

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.rfile.close()  # the last to hold the socket: closing it sends the reset
        self.connection.close()
