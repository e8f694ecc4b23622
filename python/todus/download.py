"""The one downloader: it resumes what was cut off, tries again, and never leaves half a file under the final name."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import urllib3

from todus import files
from todus.errors import UserError, WorldError
from todus.progress import Progress

CHUNK = 1 << 16  # bytes written at a time
WORKERS = 32  # files fetched at once by fetch_all
FAILURES_TO_STOP = 10  # of fetch_all: by then it is the network or the server, not this file
BUSY = {408, 429, 500, 502, 503, 504}  # answers that may be better next time
GONE = {404, 410}
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class NotFound(WorldError):  # noqa: N818  (as in HTTP)
    """The server has no such file."""


class _TryAgain(Exception):  # noqa: N818  (not an error yet)
    """This attempt failed in a way that the next one need not."""


@dataclass(frozen=True)
class Patience:
    """How long to go on with a server that does not answer well."""

    attempts: int = 6  # in a row, without a single new byte
    first_wait: float = 0.5  # seconds; doubled after each attempt
    longest_wait: float = 20.0  # seconds
    timeout: float = 30.0  # seconds without an answer or a byte

    def wait(self, failures: int) -> float:
        """Seconds to wait after `failures` failures; at random, so that many threads do not return at once."""
        return min(self.first_wait * 2 ** (failures - 1), self.longest_wait) * random.uniform(0.5, 1.0)


PATIENT = Patience()


def fetch(
    url: str,
    target: Path,
    what: str = "",
    show_progress: bool = True,
    patience: Patience = PATIENT,
    connections: int = 1,
    stop: threading.Event | None = None,
) -> bool:
    """Fetch `url` (http, https or file) to `target`; False if it was there already.

    What has come lies in `target.part` until it is whole, and the next call goes on from there if the server can
    (`target.part.json` says which version of the file it belongs to). `what` names the file in the progress bar,
    `connections` is how many threads share the pool, and setting `stop` ends the waiting between attempts.

    Raises NotFound (404), WorldError (tried often enough), UserError (not a URL that can be fetched).
    """
    if target.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        scheme = urllib.parse.urlsplit(url).scheme.lower()
    except ValueError as error:
        raise UserError(f"cannot fetch {url}: not a valid address ({error})") from None
    if scheme == "file":
        _copy(url, target)
    elif scheme in ("http", "https"):
        bar_name = (what or target.name) if show_progress else None
        _Transfer(url, target, bar_name, patience, connections, stop or threading.Event()).run()
    else:
        raise UserError(f"cannot fetch {url}; give an address that starts with http://, https:// or file://")
    return True


def fetch_all(
    pairs: Iterable[tuple[str, Path]],
    workers: int = WORKERS,
    what: str = "images",
    patience: Patience = PATIENT,
) -> int:
    """Fetch many (url, target) pairs, `workers` at once, under one progress bar; returns how many were fetched.

    Targets that are there already cost nothing. One file that fails does not stop the others, so that the next run
    has less to do; ten failures do. Raises WorldError that counts the failures and quotes the first.
    """
    wanted = [(url, target) for url, target in pairs if not target.exists()]
    if not wanted:
        return 0
    failures: list[WorldError] = []
    stop = threading.Event()
    with Progress(what, len(wanted), what.removesuffix("s")) as bar, ThreadPoolExecutor(workers) as executor:
        try:
            futures = [
                executor.submit(fetch, url, target, what, False, patience, workers, stop) for url, target in wanted
            ]
            for future in as_completed(futures):
                try:
                    future.result()
                    bar.advance()
                except WorldError as error:
                    failures.append(error)
                    if len(failures) >= FAILURES_TO_STOP:
                        break
        finally:  # also on Ctrl-C: nothing new is begun, nobody goes on waiting
            stop.set()
            executor.shutdown(wait=True, cancel_futures=True)
    if failures:
        count = f"{len(failures)} of {len(wanted)} {what} could not be fetched; the first: "
        raise type(failures[0])(f"{count if len(wanted) > 1 else ''}{failures[0]}")
    return len(wanted)


def _copy(url: str, target: Path) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise UserError(f"cannot fetch {url}; a file address has three slashes: file:///folder")
    source = Path(urllib.request.url2pathname(parts.path))
    if not source.is_file():
        raise NotFound(f"there is no file {source}")
    with files.atomic_file(target) as unfinished:
        shutil.copyfile(source, unfinished)


class _Transfer:
    """One file on its way over http."""

    def __init__(
        self, url: str, target: Path, bar_name: str | None, patience: Patience, connections: int, stop: threading.Event
    ):
        self.url, self.target, self.bar_name, self.patience, self.stop = url, target, bar_name, patience, stop
        self.part = target.with_name(target.name + ".part")
        self.origin = target.with_name(target.name + ".part.json")
        self.pool = _pool(_proxy_of(url), connections)
        self.bar: Progress | None = None

    def run(self) -> None:
        failures, furthest = 0, self._size_of_part()
        with ExitStack() as closing:
            while True:
                try:
                    self._attempt(closing)
                    break
                except _TryAgain as problem:
                    if self._size_of_part() > furthest:
                        failures, furthest = 0, self._size_of_part()
                    failures += 1
                    if failures >= self.patience.attempts or self.stop.wait(self.patience.wait(failures)):
                        text = f"cannot fetch {self.url}: {problem}; run the same command again to go on"
                        raise WorldError(text) from None
        os.replace(self.part, self.target)
        self.origin.unlink(missing_ok=True)

    def _attempt(self, closing: ExitStack) -> None:
        origin = self._known_origin()
        have = self._size_of_part() if origin else 0
        if have and have == origin["length"]:
            return  # the last run ended between the last byte and the renaming
        headers = {"Accept-Encoding": "identity", "User-Agent": "todus"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if origin["version"]:
                headers["If-Range"] = origin["version"]
        try:
            response = self.pool.request(
                "GET",
                self.url,
                headers=headers,
                preload_content=False,
                timeout=self.patience.timeout,
                # Redirects are followed; trying again is our own business.
                retries=urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=5),
            )
            try:
                self._receive(response, have, origin, closing)
            finally:
                response.close()
        except urllib3.exceptions.LocationValueError as error:
            raise UserError(f"cannot fetch {self.url}: not a valid address ({error})") from None
        except urllib3.exceptions.HTTPError as error:
            raise _TryAgain(_cause(error)) from None

    def _receive(self, response: urllib3.BaseHTTPResponse, have: int, origin: dict | None, closing: ExitStack) -> None:
        if response.status in GONE:
            raise NotFound(f"{self.url} does not exist on the server (answer {response.status})")
        if response.status in BUSY:
            raise _TryAgain(f"the server answered {response.status} {response.reason or ''}".strip())
        if have and response.status == 206:
            if not _continues(response.headers.get("Content-Range", ""), have, origin["length"]):
                self.part.unlink()
                raise _TryAgain("the server sent another piece than the one asked for")
            length = origin["length"]
        elif have and response.status == 416:
            self.part.unlink()
            raise _TryAgain("the file on the server is shorter than what had come of it")
        elif response.status == 200:
            have, length = 0, _length(response)
            self._begin(response, length)
        else:
            raise WorldError(f"cannot fetch {self.url}: the server answered {response.status} {response.reason or ''}")
        self._show(have, length, closing)
        with self.part.open("ab") as part:
            for chunk in response.stream(CHUNK, decode_content=False):
                part.write(chunk)
                if self.bar:
                    self.bar.advance(len(chunk))
        if length is not None and self._size_of_part() != length:
            raise _TryAgain(f"only {self._size_of_part():,} of {length:,} bytes came")

    def _begin(self, response: urllib3.BaseHTTPResponse, length: int | None) -> None:
        """Start from the first byte, and write down which version of the file this is before any of it."""
        self.part.unlink(missing_ok=True)
        tag = response.headers.get("ETag", "")
        # A weak tag does not promise equal bytes, so it may not be used with If-Range (RFC 9110, 13.1.5).
        version = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
        self.origin.write_text(json.dumps({"url": self.url, "version": version, "length": length}), encoding="utf-8")
        self.part.touch()

    def _known_origin(self) -> dict | None:
        """What `target.part` belongs to; None where that is unknown or another address."""
        try:
            origin = json.loads(self.origin.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return origin if isinstance(origin, dict) and origin.get("url") == self.url else None

    def _size_of_part(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _show(self, have: int, length: int | None, closing: ExitStack) -> None:
        if self.bar_name and not self.bar:
            self.bar = closing.enter_context(Progress(self.bar_name, length, "B", have))
        elif self.bar:
            self.bar.advance(have - self.bar.done)  # back to where this attempt begins


def _length(response: urllib3.BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _continues(content_range: str, have: int, length: int | None) -> bool:
    """Whether `bytes FIRST-LAST/TOTAL` goes on exactly where the part ends, in a file of the same length."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", content_range.strip())
    if not match or int(match[1]) != have:
        return False
    return length is None or match[3] == "*" or int(match[3]) == length


def _cause(error: urllib3.exceptions.HTTPError) -> str:
    """A few words for what urllib3 says in a paragraph."""
    if isinstance(error, urllib3.exceptions.MaxRetryError) and isinstance(error.reason, urllib3.exceptions.HTTPError):
        return _cause(error.reason)
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "the name of the server could not be resolved"
    if isinstance(error, urllib3.exceptions.TimeoutError) and not isinstance(
        error, urllib3.exceptions.NewConnectionError
    ):
        return "the server did not answer in time"
    inner = next((a for a in error.args if isinstance(a, BaseException)), None) or error.__cause__ or error
    if isinstance(inner, urllib3.exceptions.IncompleteRead):
        return f"the connection ended {inner.expected:,} bytes too early"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror.lower()
    return str(inner)


def _proxy_of(url: str) -> str | None:
    """The proxy that the system's settings name for `url`, if any."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if host in LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


@cache
def _pool(proxy: str | None, connections: int) -> urllib3.PoolManager:
    if proxy:
        return urllib3.ProxyManager(proxy, maxsize=connections)
    return urllib3.PoolManager(maxsize=connections)
