"""The downloader against a real server that behaves badly, one scripted answer a request."""

from __future__ import annotations

import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support import run_python
from todus import download
from todus.download import NoRange, NotFound, Patience
from todus.downloading import many_transfers, transport
from todus.errors import UserError, WorldError
from todus.layout import CHECKOUT

BODY = bytes(range(256)) * 2000  # several chunks
CUT = 300_000  # where a bad answer ends
QUICK = Patience(attempts=3, first_wait=0.001, timeout=5.0)

Answer = Callable[["_Handler"], None]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        script = self.server.script
        (script.pop(0) if script else self.server.afterwards)(self)

    def log_message(self, *_: object) -> None:
        pass

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None, announce: int | None = None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if announce is None else announce))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = announce is not None


def whole(handler: _Handler) -> None:
    """A server without Range."""
    handler.reply(200, BODY, {"ETag": '"1"'})


def with_range(handler: _Handler) -> None:
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    if asked is None or handler.headers.get("If-Range", '"1"') != '"1"':
        whole(handler)
        return
    first, stop = int(asked[1]), int(asked[2]) + 1 if asked[2] else len(BODY)
    piece = {"Content-Range": f"bytes {first}-{stop - 1}/{len(BODY)}", "ETag": '"1"'}
    handler.reply(206, BODY[first:stop], piece)


def truncated(handler: _Handler) -> None:
    handler.reply(200, BODY[:CUT], {"ETag": '"1"'}, announce=len(BODY))


def another_piece(handler: _Handler) -> None:
    handler.reply(206, BODY[:10], {"Content-Range": f"bytes 0-9/{len(BODY)}"})


def busy(handler: _Handler) -> None:
    handler.reply(503, b"later")


def reset(handler: _Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.rfile.close()  # the last to hold the socket: closing it sends the reset
    handler.connection.close()


def missing(handler: _Handler) -> None:
    handler.reply(404, b"<html>no such page</html>")


def html(handler: _Handler) -> None:
    handler.reply(200, b"<html>sorry</html>")


def too_early(handler: _Handler) -> None:
    handler.reply(425, b"")


def slow_down(handler: _Handler) -> None:
    handler.reply(429, b"", {"Retry-After": "1"})


def endless(handler: _Handler) -> None:
    """A body of no announced length, which ends with the connection; larger than any file should be."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    handler.wfile.write(BODY * 4)


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.script, server.afterwards, server.ranges = [], with_range, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.handle_error = lambda *_: None  # answers that break off on purpose
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(server: ThreadingHTTPServer, target: Path, *script: Answer, afterwards: Answer = with_range) -> bool:
    server.script[:], server.afterwards = script, afterwards
    return download.fetch(f"{server.url}/file", target, patience=QUICK)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fetches_a_file_and_leaves_nothing_beside_it(server, tmp_path):
    assert fetch(server, tmp_path / "deep" / "file.zip") is True
    assert (tmp_path / "deep" / "file.zip").read_bytes() == BODY
    assert files_in(tmp_path / "deep") == ["file.zip"]


def test_asks_nobody_when_the_file_is_there(server, tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    assert fetch(server, tmp_path / "file") is False
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert server.ranges == []


@pytest.mark.parametrize("fault", [busy, too_early, reset, truncated])
def test_tries_again_after(fault, server, tmp_path):
    fetch(server, tmp_path / "file", fault, fault)
    assert (tmp_path / "file").read_bytes() == BODY


def test_goes_on_where_the_connection_was_cut(server, tmp_path):
    fetch(server, tmp_path / "file", truncated)
    assert (tmp_path / "file").read_bytes() == BODY
    assert server.ranges == [None, f"bytes={CUT}-"]


def test_goes_on_in_the_next_run(server, tmp_path):
    with pytest.raises(WorldError):
        fetch(server, tmp_path / "file", truncated, afterwards=busy)
    assert not (tmp_path / "file").exists()
    assert (tmp_path / "file.part").read_bytes() == BODY[:CUT]
    server.ranges.clear()
    fetch(server, tmp_path / "file")
    assert server.ranges == [f"bytes={CUT}-"]
    assert (tmp_path / "file").read_bytes() == BODY


def test_starts_over_where_the_server_has_no_range(server, tmp_path):
    fetch(server, tmp_path / "file", truncated, afterwards=whole)
    assert (tmp_path / "file").read_bytes() == BODY
    assert len(server.ranges) == 2


def test_starts_over_when_the_file_has_changed_on_the_server(server, tmp_path):
    def old_version(handler: _Handler) -> None:
        handler.reply(200, b"x" * CUT, {"ETag": '"0"'}, announce=len(BODY))

    fetch(server, tmp_path / "file", old_version)
    assert (tmp_path / "file").read_bytes() == BODY


def test_starts_over_when_the_server_sends_another_piece(server, tmp_path):
    fetch(server, tmp_path / "file", truncated, another_piece)
    assert (tmp_path / "file").read_bytes() == BODY


def test_starts_over_when_the_part_is_of_another_address(server, tmp_path):
    with pytest.raises(WorldError):
        fetch(server, tmp_path / "file", truncated, afterwards=busy)
    server.afterwards = with_range
    server.ranges.clear()
    download.fetch(f"{server.url}/other", tmp_path / "file", patience=QUICK)
    assert server.ranges == [None]


def test_does_not_trust_a_part_of_unknown_origin(server, tmp_path):
    (tmp_path / "file.part").write_bytes(b"from who knows where")
    fetch(server, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY


def test_only_renames_a_part_that_is_whole(server, tmp_path):
    with pytest.raises(WorldError):
        fetch(server, tmp_path / "file", truncated, afterwards=busy)
    (tmp_path / "file.part").write_bytes(BODY)
    server.ranges.clear()
    fetch(server, tmp_path / "file")
    assert server.ranges == []
    assert (tmp_path / "file").read_bytes() == BODY


def test_gives_up_on_a_body_that_is_always_too_short(server, tmp_path):
    with pytest.raises(WorldError, match=rf"{server.url}/file.*too early"):
        fetch(server, tmp_path / "file", afterwards=truncated)
    assert len(server.ranges) == QUICK.attempts
    assert not (tmp_path / "file").exists()


def test_gives_up_on_a_server_that_stays_busy(server, tmp_path):
    with pytest.raises(WorldError, match="503"):
        fetch(server, tmp_path / "file", afterwards=busy)
    assert len(server.ranges) == QUICK.attempts
    assert files_in(tmp_path) == []


def test_says_at_once_what_does_not_exist(server, tmp_path):
    with pytest.raises(NotFound, match=f"{server.url}/file"):
        fetch(server, tmp_path / "file", afterwards=missing)
    assert len(server.ranges) == 1
    assert files_in(tmp_path) == []


def test_says_that_nobody_listens(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
        with pytest.raises(WorldError, match="refused"):
            download.fetch(url, tmp_path / "file", patience=QUICK)


def test_takes_a_stalled_server_for_a_failure(server, tmp_path):
    release = threading.Event()
    with pytest.raises(WorldError, match="in time"):
        server.afterwards = lambda _: release.wait(5)
        download.fetch(f"{server.url}/file", tmp_path / "file", patience=Patience(2, 0.001, timeout=0.1))
    release.set()


def test_copies_a_file_address(tmp_path):
    (tmp_path / "the source").write_bytes(BODY)
    download.fetch((tmp_path / "the source").as_uri(), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == BODY
    with pytest.raises(NotFound, match="nothing here"):
        download.fetch((tmp_path / "nothing here").as_uri(), tmp_path / "other")


@pytest.mark.parametrize(
    "url", ["ftp://example.org/file", "/some/folder/file", "file://folder/file", "http://[/file", "http:///f"]
)
def test_refuses_other_addresses(url, tmp_path):
    with pytest.raises(UserError, match=re.escape(url)):
        download.fetch(url, tmp_path / "file")


def test_many_files_come_in_spite_of_faults(server, tmp_path):
    server.script[:] = [busy, reset, truncated] * 2
    pairs = [(f"{server.url}/{number}", tmp_path / str(number)) for number in range(12)]
    pairs[0][1].write_bytes(BODY)
    assert download.fetch_all(pairs, workers=4, patience=Patience(10, 0.001)) == 11
    assert all(target.read_bytes() == BODY for _, target in pairs)
    assert len(files_in(tmp_path)) == 12
    server.ranges.clear()
    assert download.fetch_all(pairs) == 0
    assert server.ranges == []


def test_one_missing_file_is_named_and_does_not_stop_the_others(server, tmp_path):
    server.afterwards = lambda handler: (missing if handler.path == "/2" else whole)(handler)
    pairs = [(f"{server.url}/{number}", tmp_path / str(number)) for number in range(6)]
    with pytest.raises(NotFound, match=rf"1 of 6 images could not be fetched.*{server.url}/2"):
        download.fetch_all(pairs, workers=2, patience=QUICK)
    assert files_in(tmp_path) == ["0", "1", "3", "4", "5"]


def test_many_failures_stop_the_rest(server, tmp_path):
    server.afterwards = missing
    pairs = [(f"{server.url}/{number}", tmp_path / str(number)) for number in range(200)]
    with pytest.raises(WorldError):
        download.fetch_all(pairs, workers=2, patience=QUICK)
    assert len(server.ranges) < 30


def not_html(path: Path) -> str | None:
    return "it is HTML" if path.read_bytes().startswith(b"<html") else None


def test_a_file_that_is_not_what_it_should_be_is_fetched_anew(server, tmp_path):
    server.script[:] = [html, html]
    download.fetch(f"{server.url}/file", tmp_path / "file", patience=QUICK, check=not_html)
    assert (tmp_path / "file").read_bytes() == BODY
    assert files_in(tmp_path) == ["file"]


def test_gives_up_on_files_that_are_never_what_they_should_be(server, tmp_path):
    server.afterwards = html
    with pytest.raises(WorldError, match="it is HTML"):
        download.fetch(f"{server.url}/file", tmp_path / "file", patience=replace(QUICK, bad_files=2), check=not_html)
    assert len(server.ranges) == 2
    assert files_in(tmp_path) == []


def test_many_files_are_checked_too(server, tmp_path):
    server.script[:] = [html, busy, html]
    pairs = [(f"{server.url}/{number}", tmp_path / str(number)) for number in range(8)]
    download.fetch_all(pairs, 2, patience=Patience(4, 0.001), check=not_html)
    assert all(target.read_bytes() == BODY for _, target in pairs)


def test_copies_many_file_addresses(tmp_path):
    (tmp_path / "from").mkdir()
    for number in range(4):
        (tmp_path / "from" / str(number)).write_bytes(b"<html>" if number == 3 else BODY)
    pairs = [((tmp_path / "from" / str(n)).as_uri(), tmp_path / "to" / str(n)) for n in range(4)]
    with pytest.raises(WorldError, match=r"1 of 4 images could not be fetched.*it is HTML"):
        download.fetch_all(pairs, check=not_html)
    assert files_in(tmp_path / "to") == ["0", "1", "2"]


def window(server: ThreadingHTTPServer, target: Path, first: int, stop: int) -> None:
    download.fetch(f"{server.url}/file", target, patience=QUICK, window=(first, stop))


def test_fetches_a_window_of_a_file(server, tmp_path):
    window(server, tmp_path / "piece", 1000, 400_001)
    assert (tmp_path / "piece").read_bytes() == BODY[1000:400_001]
    assert server.ranges == ["bytes=1000-400000"]
    download.fetch(_file(tmp_path, BODY), tmp_path / "copy", window=(1000, 400_001))
    assert (tmp_path / "copy").read_bytes() == BODY[1000:400_001]


def _file(folder: Path, data: bytes) -> str:
    (folder / "source").write_bytes(data)
    return (folder / "source").as_uri()


def test_a_window_goes_on_where_it_was_cut(server, tmp_path):
    def cut(handler: _Handler) -> None:
        piece = {"Content-Range": f"bytes 1000-400000/{len(BODY)}", "ETag": '"1"'}
        handler.reply(206, BODY[1000 : 1000 + CUT], piece, announce=399_001)

    server.script[:] = [cut]
    window(server, tmp_path / "piece", 1000, 400_001)
    assert (tmp_path / "piece").read_bytes() == BODY[1000:400_001]
    assert server.ranges == ["bytes=1000-400000", f"bytes={1000 + CUT}-400000"]


def test_a_window_goes_on_after_a_piece_that_was_smaller_than_asked_for(server, tmp_path):
    def small(handler: _Handler) -> None:
        handler.reply(206, BODY[1000:2000], {"Content-Range": f"bytes 1000-1999/{len(BODY)}", "ETag": '"1"'})

    server.script[:] = [small]
    window(server, tmp_path / "piece", 1000, 400_001)
    assert (tmp_path / "piece").read_bytes() == BODY[1000:400_001]
    assert server.ranges == ["bytes=1000-400000", "bytes=2000-400000"]


def test_the_part_of_another_window_is_not_used(server, tmp_path):
    server.script[:] = [lambda handler: handler.reply(206, b"x" * 9, {"Content-Range": "bytes 0-99/512000"}, 100)]
    with pytest.raises(WorldError):
        download.fetch(f"{server.url}/file", tmp_path / "piece", patience=Patience(1), window=(0, 100))
    assert (tmp_path / "piece.part").exists()
    window(server, tmp_path / "piece", 5, 100)
    assert (tmp_path / "piece").read_bytes() == BODY[5:100]


def test_a_window_needs_a_server_with_range(server, tmp_path):
    server.afterwards = whole
    with pytest.raises(NoRange):
        window(server, tmp_path / "piece", 5, 100)
    assert files_in(tmp_path) == []


def test_a_small_file_without_end_is_cut_short(server, tmp_path, monkeypatch):
    monkeypatch.setattr(many_transfers, "MOST_OF_MANY", len(BODY) * 2)
    server.script[:] = [endless]
    download.fetch_all([(f"{server.url}/file", tmp_path / "file")], patience=QUICK)
    assert (tmp_path / "file").read_bytes() == BODY


def test_waits_as_long_as_the_server_asks_for_and_no_file_is_asked_for_meanwhile(server, tmp_path):
    server.script[:] = [slow_down]
    pairs = [(f"{server.url}/{number}", tmp_path / str(number)) for number in range(6)]
    began = time.monotonic()
    download.fetch_all(pairs, 1, patience=QUICK)
    assert time.monotonic() - began >= 1, "the server asked for a second"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("100000", transport.LONGEST_RETRY_AFTER),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", transport.LONGEST_RETRY_AFTER),
        *(("", 0), ("-5", 0), ("soon", 0), ("9" * 400, transport.LONGEST_RETRY_AFTER)),
    ],
)
def test_what_a_server_may_ask_for(text, seconds, server):
    server.afterwards = lambda handler: handler.reply(503, b"", {"Retry-After": text})
    with pytest.raises(transport.TryAgain) as problem, transport.answer(f"{server.url}/file", {}, QUICK):
        pass
    assert problem.value.wait == seconds


def test_a_disk_that_is_too_small_is_told_before_it_is_full(server, tmp_path):
    server.afterwards = lambda handler: handler.reply(200, b"x", announce=1 << 60)
    with pytest.raises(WorldError, match="too small for file"):
        download.fetch(f"{server.url}/file", tmp_path / "file", patience=QUICK)
    assert files_in(tmp_path) == []


def test_a_target_is_fetched_once(server, tmp_path):
    pairs = [(f"{server.url}/{number}", tmp_path / "file") for number in range(20)]
    assert download.fetch_all(pairs, patience=QUICK) == 1
    assert len(server.ranges) == 1
    assert files_in(tmp_path) == ["file"]


def test_what_was_not_even_tried_counts_as_missing(server, tmp_path):
    server.afterwards = missing
    pairs = [(f"{server.url}/{number}", tmp_path / str(number)) for number in range(40)]
    with pytest.raises(NotFound, match=r"^stopped after 10 failures; 40 of 40 images are still missing; the first: "):
        download.fetch_all(pairs, workers=2, patience=QUICK)


def test_failures_of_several_kinds_are_not_a_missing_file(server, tmp_path):
    server.afterwards = lambda handler: (missing if handler.path == "/2" else busy)(handler)
    pairs = [(f"{server.url}/{number}", tmp_path / str(number)) for number in range(4)]
    with pytest.raises(WorldError, match="4 of 4 images") as error:
        download.fetch_all(pairs, workers=1, patience=QUICK)
    assert not isinstance(error.value, NotFound)


STALLED = """
import sys
from pathlib import Path
from todus import command, download
patience = download.Patience(timeout=600)
pairs = [(f"{sys.argv[1]}/{number}", Path(sys.argv[2]) / str(number)) for number in range(4)]
command.run(lambda: download.fetch_all(pairs, patience=patience))
"""


def test_ctrl_c_ends_the_process_though_the_server_does_not_answer(server, tmp_path):
    asked, release = threading.Semaphore(0), threading.Event()

    def stall(_: _Handler) -> None:
        asked.release()
        release.wait(60)

    server.afterwards = stall
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "python")}
    command = [sys.executable, "-c", STALLED, server.url, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for _ in range(4):
            assert asked.acquire(timeout=30)
        process.send_signal(signal.SIGINT)
        try:
            said = process.communicate(timeout=30)[1]
        finally:
            process.kill()
            release.set()
    assert process.returncode == 130
    assert said.splitlines() == ["todus: interrupted; run the same command again to go on"]


FEW_FILES = """
import resource, sys
from pathlib import Path
from todus import command, download
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]), 40))
pairs = [(f"{sys.argv[1]}/{number}", Path(sys.argv[2]) / str(number)) for number in range(100)]
command.run(lambda: print(download.fetch_all(pairs), resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
"""


@pytest.mark.parametrize("limit", [30, 40])
def test_no_more_connections_than_files_may_be_open(limit, server, tmp_path):
    run = run_python(FEW_FILES, server.url, tmp_path, limit)
    assert (run.returncode, run.stdout) == (0, "100 40\n"), run.stderr
    assert len(files_in(tmp_path)) == 100


def test_as_many_connections_as_asked_for_where_that_is_no_matter():
    assert many_transfers.affordable(4) == 4
