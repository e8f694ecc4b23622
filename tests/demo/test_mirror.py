"""The local server: whole files, one range of a file, and what a download that resumes needs."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from todus import layout
from todus.demo import mirror
from todus.errors import UserError

CONTENT = bytes(range(256)) * 4096  # 1 MiB: more than one block


@pytest.fixture
def served(tmp_path):
    (tmp_path / "www" / "zips").mkdir(parents=True)
    (tmp_path / "www" / "zips" / "val2017.zip").write_bytes(CONTENT)
    (tmp_path / "www" / "empty").touch()
    (tmp_path / "secret").write_text("not for everybody")
    with mirror.serve(tmp_path / "www") as address:
        yield address


def ask(address: str, path: str = "/zips/val2017.zip", method: str = "GET", **headers: str):
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_a_file_comes_whole_with_its_size_and_validators(served):
    answer, body = ask(served)
    assert (answer.status, body) == (200, CONTENT)
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"]
    assert answer.headers["Last-Modified"].endswith("GMT")


def test_head_gives_the_headers_alone(served):
    answer, body = ask(served, method="HEAD")
    assert (answer.status, body, answer.headers["Content-Length"]) == (200, b"", str(len(CONTENT)))


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299999", 100, 300000),
        ("bytes=1000000-", 1000000, len(CONTENT)),
        ("bytes=-10", len(CONTENT) - 10, len(CONTENT)),
        ("bytes=5-99999999", 5, len(CONTENT)),
        ("bytes=-99999999", 0, len(CONTENT)),
    ],
)
def test_a_range_comes_alone(served, wanted, start, stop):
    answer, body = ask(served, Range=wanted)
    assert (answer.status, body) == (206, CONTENT[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(CONTENT)}"
    assert answer.headers["Content-Length"] == str(stop - start)


@pytest.mark.parametrize("wanted", [f"bytes={len(CONTENT)}-", "bytes=-0", "bytes=99999999-999999999"])
def test_a_range_beyond_the_end_is_refused_with_the_size(served, wanted):
    answer, body = ask(served, Range=wanted)
    assert (answer.status, body, answer.headers["Content-Range"]) == (416, b"", f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize("wanted", ["bytes=9-5", "bytes=0-1,5-6", "lines=1-2", "bytes=-", "nonsense"])
def test_what_is_not_one_range_is_answered_with_the_whole_file(served, wanted):
    answer, body = ask(served, Range=wanted)
    assert (answer.status, body) == (200, CONTENT)


def test_if_range_gives_the_rest_of_the_same_file_and_the_whole_of_a_changed_one(served, tmp_path):
    first, _ = ask(served, method="HEAD")
    for validator in (first.headers["ETag"], first.headers["Last-Modified"]):
        answer, body = ask(served, Range="bytes=10-", If_Range=validator)
        assert (answer.status, body) == (206, CONTENT[10:])
    changed = tmp_path / "www" / "zips" / "val2017.zip"
    changed.write_bytes(CONTENT[::-1])
    os.utime(changed, (1_000_000_000, 1_000_000_000))
    for validator in (first.headers["ETag"], first.headers["Last-Modified"]):
        answer, body = ask(served, Range="bytes=10-", If_Range=validator)
        assert (answer.status, body) == (200, CONTENT[::-1])


@pytest.mark.parametrize("path", ["/nothing", "/", "/zips/", "/zips", "/../secret", "/%2e%2e/secret", "/..%2fsecret"])
def test_what_is_not_a_file_of_the_folder_is_not_found(served, path):
    answer, body = ask(served, path)
    assert answer.status == 404
    assert b"not for everybody" not in body


def test_an_empty_file_is_served(served):
    answer, body = ask(served, "/empty")
    assert (answer.status, body) == (200, b"")
    assert ask(served, "/empty", Range="bytes=0-")[0].status == 416


def test_one_connection_serves_several_requests(served):
    connection = http.client.HTTPConnection(urlsplit(served).netloc, timeout=10)
    for wanted, status in (("bytes=0-4", 206), ("bytes=99999999-", 416), ("bytes=5-9", 206)):
        connection.request("GET", "/zips/val2017.zip", headers={"Range": wanted})
        first_socket = connection.sock
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        assert connection.sock is first_socket
    connection.close()


def test_the_server_is_gone_after_the_block_and_says_nothing(tmp_path, capfd):
    (tmp_path / "file").write_bytes(CONTENT)
    with mirror.serve(tmp_path) as address:
        hasty = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
        hasty.request("GET", "/file")
        hasty.close()  # hangs up before the answer is read
        assert ask(address, "/file")[1] == CONTENT
    with pytest.raises(ConnectionRefusedError):
        ask(address, "/file")
    assert capfd.readouterr() == ("", "")


def test_a_folder_that_does_not_exist_is_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match="is not a folder"), mirror.serve(tmp_path / "nowhere"):
        pass


def test_the_command_says_its_address_first_and_serves(tmp_path):
    (tmp_path / "file").write_bytes(b"hello")
    process = subprocess.Popen(
        [sys.executable, "-m", "todus.demo.mirror", str(tmp_path)],
        cwd=Path(layout.CHECKOUT) / "python",
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        address = process.stdout.readline().strip()
        assert ask(address, "/file")[1] == b"hello"
    finally:
        process.terminate()
        process.communicate(timeout=10)
