"""Asking a server for bytes: one request, what its answer means, and how long to go on with it."""

from __future__ import annotations

import random
import re
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import urlsplit

import urllib3

from todus.errors import UserError, WorldError

BUSY = {408, 425, 429}  # answers that may be better next time, besides all from 500 on
GONE = {404, 410}
PARTIAL = 206
PAST_THE_END = 416
LONGEST_RETRY_AFTER = 120.0  # seconds; a server that wants more is asked again all the same
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class NotFound(WorldError):  # noqa: N818  (as in HTTP)
    """The server has no such file."""


class NoRange(WorldError):  # noqa: N818  (a lack, not a mistake)
    """The server sends whole files only; this one has `size` bytes, if it said so."""

    def __init__(self, text: str, size: int | None = None):
        super().__init__(text)
        self.size = size


class TryAgain(Exception):  # noqa: N818  (not an error yet)
    """This attempt failed in a way that the next one need not; not before `wait` seconds, if the server said so."""

    def __init__(self, reason: str, wait: float = 0.0, bad_file: bool = False):
        super().__init__(reason)
        self.wait, self.bad_file = wait, bad_file


@dataclass(frozen=True)
class Patience:
    """How long to go on with a server that does not answer well."""

    attempts: int = 6  # in a row, without a single new byte
    first_wait: float = 0.5  # seconds; doubled after each attempt
    longest_wait: float = 20.0  # seconds
    timeout: float = 30.0  # seconds without an answer or a byte
    bad_files: int = 6  # files that came whole and are not what they should be

    def wait(self, failures: int) -> float:
        """Seconds to wait after `failures` failures; at random, so that many threads do not return at once."""
        return min(self.first_wait * 2 ** (failures - 1), self.longest_wait) * random.uniform(0.5, 1.0)


PATIENT = Patience()


class Tries:
    """The attempts at one file."""

    def __init__(self, url: str, patience: Patience):
        self.url, self.patience = url, patience
        self.failures = self.bad_files = 0

    def failed(self, problem: TryAgain, got_further: bool = False) -> float:
        """Count a failure; returns the seconds to wait before the next attempt. Raises WorldError if that was enough.

        `got_further` says that the attempt brought bytes that are kept.
        """
        self.failures = 1 if got_further else self.failures + 1
        self.bad_files += problem.bad_file
        if self.failures >= self.patience.attempts or self.bad_files >= self.patience.bad_files:
            raise WorldError(f"cannot fetch {self.url}: {problem}; run the same command again to go on")
        return max(self.patience.wait(self.failures), problem.wait)


@contextmanager
def answer(
    url: str, headers: Mapping[str, str], patience: Patience, connections: int = 1
) -> Iterator[urllib3.BaseHTTPResponse]:
    """The answer to a GET of `url`: 200, 206 or 416, its body not yet read.

    `connections` is how many threads share the pool. What goes wrong while the block reads the body is told in the same
    way as what goes wrong before.

    Raises NotFound, TryAgain, WorldError (another answer), UserError (no valid address).
    """
    headers = {"Accept-Encoding": "identity", "User-Agent": "todus", **headers}
    try:
        response = _pool(_proxy_of(url), connections).request(
            "GET",
            url,
            headers=headers,
            preload_content=False,
            timeout=patience.timeout,
            # Redirects are followed; trying again is our own business.
            retries=urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=5),
        )
        try:
            _judge(url, response)
            yield response
        finally:
            response.close()
    except urllib3.exceptions.LocationValueError as error:
        raise UserError(f"cannot fetch {url}: not a valid address ({error})") from None
    except urllib3.exceptions.HTTPError as error:
        raise TryAgain(_cause(error)) from None


def length_of(response: urllib3.BaseHTTPResponse) -> int | None:
    """Bytes of the body as announced; None where they are not."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def version_of(response: urllib3.BaseHTTPResponse) -> str:
    """What If-Range can ask for: the same file, byte by byte; '' where the server does not say."""
    tag = response.headers.get("ETag", "")
    # A weak tag does not promise equal bytes, so it may not be used with If-Range (RFC 9110, 13.1.5).
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def piece_of(response: urllib3.BaseHTTPResponse) -> tuple[int, int, int | None] | None:
    """First byte, the one after the last, and the size of the whole file (None where it is not said) of an answer 206;
    None where the answer does not say."""
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip())
    if not match:
        return None
    return int(match[1]), int(match[2]) + 1, None if match[3] == "*" else int(match[3])


def _judge(url: str, response: urllib3.BaseHTTPResponse) -> None:
    status, reason = response.status, response.reason or ""
    if status in GONE:
        raise NotFound(f"{url} does not exist on the server (answer {status})")
    if status in BUSY or status >= 500:
        raise TryAgain(f"the server answered {status} {reason}".strip(), _retry_after(response))
    if status not in (200, PARTIAL, PAST_THE_END):
        raise WorldError(f"cannot fetch {url}: the server answered {status} {reason}".strip())


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    """Seconds that the server asks to be left alone, at most LONGEST_RETRY_AFTER."""
    text = response.headers.get("Retry-After", "").strip()
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):  # neither a number nor a date
        return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


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
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


@cache
def _pool(proxy: str | None, connections: int) -> urllib3.PoolManager:
    if proxy:
        return urllib3.ProxyManager(proxy, maxsize=connections)
    return urllib3.PoolManager(maxsize=connections)
