"""The demo's mirror with faults: now and then it resets, cuts off, sends a page instead of the file, or is too busy.

    python -m todus.bench.faulty_mirror FOLDER [--faults 0.05]

Says its address, then serves until it is interrupted. Which requests go wrong is drawn with a fixed seed.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from http import HTTPStatus
from pathlib import Path

from todus import command, progress
from todus.demo import mirror

SEED = 2017
PAGE = b"<html><body>Please come back later</body></html>"


class FaultyHandler(mirror.Handler):
    """Answers as the mirror does, or badly."""

    dice = random.Random(SEED)
    drawing = threading.Lock()
    faults = 0.0  # the share of requests that go wrong

    def do_GET(self) -> None:  # noqa: N802  (the base class's name)
        with self.drawing:
            goes_wrong = self.dice.random() < self.faults
            fault = self.dice.choice([self._reset, self._cut_off, self._page, self._busy])
        if goes_wrong:
            fault()
        else:
            super().do_GET()

    def _reset(self) -> None:
        linger_not = struct.pack("ii", 1, 0)  # close() then sends RST
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
        self.close_connection = True

    def _cut_off(self) -> None:
        """Half of what was announced."""
        data = Path(self.translate_path(self.path)).read_bytes()
        self._head(HTTPStatus.OK, "image/jpeg", len(data))
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def _page(self) -> None:
        self._head(HTTPStatus.OK, "text/html", len(PAGE))
        self.wfile.write(PAGE)

    def _busy(self) -> None:
        self._head(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", 0)

    def _head(self, status: HTTPStatus, kind: str, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()


def main() -> None:
    arguments = command.parser(__doc__)
    arguments.add_argument("folder", type=Path, metavar="FOLDER")
    arguments.add_argument(
        "--faults", type=command.share, default=0.05, help="share of requests (default: %(default)s)"
    )
    given = arguments.parse_args()
    FaultyHandler.faults = given.faults
    with mirror.serve(given.folder, handler=FaultyHandler) as address:
        progress.say(address)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    command.run(main)
