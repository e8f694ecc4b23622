"""Serves a folder over HTTP on this machine, as COCO's mirror or the zoo's server would.

    python -m todus.demo.mirror FOLDER [--port 8000]

Says its address, then serves until it is interrupted. Knows what a download that resumes needs: ranges, ETag and
If-Range. Folders are not listed.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from todus import command, progress
from todus.errors import UserError

ONE_RANGE = re.compile(r"bytes=(?:(\d+)-(\d*)|-(\d+))")
BLOCK = 1 << 18  # bytes read and sent at a time


@contextmanager
def serve(folder: Path, port: int = 0, handler: type[Handler] | None = None) -> Iterator[str]:
    """Serve `folder` on 127.0.0.1 from threads while the block runs; yields the address, e.g. http://127.0.0.1:49152.

    Port 0 takes a free one. `handler` answers the requests (default: Handler).
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder that could be served; give one that exists")
    server = _Server(("127.0.0.1", port), partial(handler or Handler, directory=os.fspath(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a downloader opens many connections at once

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that hangs up is nothing to report
            super().handle_error(request, client_address)


class Handler(SimpleHTTPRequestHandler):
    """Answers with the files of its folder, whole or in part."""

    protocol_version = "HTTP/1.1"  # connections are kept: single images come much faster
    disable_nagle_algorithm = True  # else every answer waits for the acknowledgement of its own headers

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Quiet: the server is a stage prop, and its log would bury what the program says."""

    def _answer(self, with_body: bool) -> None:
        try:
            file = Path(self.translate_path(self.path)).open("rb")  # noqa: SIM115 (closed by the with below)
        except OSError:  # not there, or a folder
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with file:
            status = os.fstat(file.fileno())
            etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
            modified = formatdate(status.st_mtime, usegmt=True)
            wanted = self._wanted_range(status.st_size, etag, modified)
            if wanted and wanted[0] >= wanted[1]:
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self.send_header("Content-Range", f"bytes */{status.st_size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start, stop = wanted or (0, status.st_size)
            self.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{status.st_size}")
            self.send_header("Content-Type", self.guess_type(file.name))
            self.send_header("Content-Length", str(stop - start))
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", modified)
            self.end_headers()
            if with_body:
                self._send(file, start, stop)

    def _wanted_range(self, size: int, etag: str, modified: str) -> tuple[int, int] | None:
        """First byte and the one after the last that are asked for; None for the whole file.

        A range of a file that is not the one the client has a part of (If-Range), several ranges, and what is no range
        at all are answered with the whole file, as RFC 9110 has it. An empty range is one that cannot be satisfied.
        """
        match = ONE_RANGE.fullmatch(self.headers.get("Range", "").strip())
        if not match or self.headers.get("If-Range", etag) not in (etag, modified):
            return None
        first, last, suffix = match.groups()
        if suffix is not None:
            return max(size - int(suffix), 0), size
        if last and int(last) < int(first):
            return None
        return int(first), min(int(last) + 1, size) if last else size

    def _send(self, file: object, start: int, stop: int) -> None:
        file.seek(start)
        while start < stop:
            block = file.read(min(BLOCK, stop - start))
            if not block:  # the file has shrunk: the connection must not be used for another answer
                self.close_connection = True
                return
            self.wfile.write(block)
            start += len(block)


def main() -> None:
    arguments = command.parser(__doc__)
    arguments.add_argument("folder", type=Path, metavar="FOLDER")
    arguments.add_argument("--port", type=int, default=0, help="default: a free one")
    given = arguments.parse_args()
    with serve(given.folder, given.port) as address:
        progress.say(address)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    command.run(main)
