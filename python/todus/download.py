"""The one downloader: it resumes what was cut off, tries again, and never leaves half a file under the final name."""

from __future__ import annotations

import heapq
import queue
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from todus import files
from todus.errors import TodusError, UserError, WorldError
from todus.progress import Progress
from todus.transfer import CHUNK, Check, Transfer, size_of
from todus.transport import LOOPBACK, PATIENT, NoRange, NotFound, Patience, TryAgain

__all__ = ["LOOPBACK", "PATIENT", "WORKERS", "NoRange", "NotFound", "Patience", "fetch", "fetch_all", "local_path"]

WORKERS = 32  # files fetched at once by fetch_all
WAITING = 4  # times the workers: files that may wait for their next attempt before no further one is begun
FAILURES_TO_STOP = 10  # of fetch_all: by then it is the network or the server, not this file
MOST_OF_MANY = 1 << 28  # bytes of one of many files; what is larger is not the file that was asked for


def fetch(
    url: str,
    target: Path,
    what: str = "",
    show_progress: bool = True,
    patience: Patience = PATIENT,
    check: Check | None = None,
    window: tuple[int, int] | None = None,
) -> bool:
    """Fetch `url` (http, https or file) to `target`; False if it was there already.

    What has come lies in `target.part` until it is whole, and the next call goes on from there if the server can
    (`target.part.json` says which version of the file it belongs to). `what` names the file in the progress bar.
    `check` is called on the whole `target.part`; if it returns what is wrong, the file is thrown away and fetched anew.
    `window` takes the bytes from the first number up to the second (not included) only.

    Raises NotFound (404), NoRange (a window, and the server sends whole files only), WorldError (tried often enough, or
    the disk is too small), UserError (not a URL that can be fetched).
    """
    if target.exists():
        return False
    local = local_path(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    if local is not None:
        _Copy(url, local, target, check, window).attempt()
        return True
    with ExitStack() as closing:

        def show(have: int, length: int | None) -> Progress:
            return closing.enter_context(Progress(what or target.name, length, "B", have))

        transfer = Transfer(url, target, patience, window, check, show=show if show_progress else None)
        while True:
            try:
                transfer.attempt()
                return True
            except TryAgain as problem:
                time.sleep(transfer.failed(problem))


def fetch_all(
    pairs: Iterable[tuple[str, Path]],
    workers: int = WORKERS,
    what: str = "images",
    patience: Patience = PATIENT,
    check: Check | None = None,
    total: int | None = None,
) -> int:
    """Fetch many (url, target) pairs, `workers` at once, under one progress bar; returns how many were fetched.

    The files are small: one that is cut off is begun anew. `total` is how many bytes they have together, as far as
    that is known. Targets that are there already cost nothing. One file that fails does not stop the others, so that
    the next run has less to do; ten failures do. Raises WorldError that counts the failures and quotes the first.
    """
    wanted = [(url, target) for url, target in pairs if not target.exists()]
    if not wanted:
        return 0
    for folder in {target.parent for _, target in wanted}:
        folder.mkdir(parents=True, exist_ok=True)
    files_to_come = _Many(wanted, workers, patience, check)
    with Progress(what, total, "B") as bar:
        files_to_come.run(bar)
    failures = files_to_come.failures
    if failures:
        count = f"{len(failures)} of {len(wanted)} {what} could not be fetched; the first: "
        raise type(failures[0])(f"{count if len(wanted) > 1 else ''}{failures[0]}")
    return len(wanted)


def local_path(url: str) -> Path | None:
    """The path that a file address means; None for http and https. Raises UserError for any other address."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError as error:
        raise UserError(f"cannot fetch {url}: not a valid address ({error})") from None
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme != "file":
        raise UserError(f"cannot fetch {url}; give an address that starts with http://, https:// or file://")
    if parts.netloc not in ("", "localhost"):
        raise UserError(f"cannot fetch {url}; a file address has three slashes: file:///folder")
    return Path(urllib.request.url2pathname(parts.path))


class _Copy:
    """One file on its way from this disk: a transfer that comes at once or not at all."""

    def __init__(
        self, url: str, source: Path, target: Path, check: Check | None, window: tuple[int, int] | None = None
    ):
        self.url, self.source, self.target, self.check, self.window = url, source, target, check, window

    def attempt(self) -> None:
        if not self.source.is_file():
            raise NotFound(f"there is no file {self.source}")
        first, stop = self.window or (0, self.source.stat().st_size)
        files.require_space(self.target.parent, stop - first, self.target.name)
        with files.atomic_file(self.target) as unfinished:
            with self.source.open("rb") as source, unfinished.open("wb") as copy:
                source.seek(first)
                while block := source.read(min(CHUNK, stop - source.tell())):
                    copy.write(block)
            reason = self.check(unfinished) if self.check else None
            if reason:
                raise WorldError(f"cannot fetch {self.url}: {reason}")

    def forget(self) -> None:
        """Nothing is left of a copy that failed."""


class _Many:
    """Many files on their way. This thread decides what is tried when; the workers only try, and never wait."""

    def __init__(self, pairs: list[tuple[str, Path]], workers: int, patience: Patience, check: Check | None):
        self.patience, self.workers, self.check = patience, workers, check
        self.transfers = (self._transfer(url, target) for url, target in pairs)
        self.waiting: list[tuple[float, int, Transfer]] = []  # a heap: when to try again, a tie-break, what
        self.hold_until = 0.0  # the server has asked to be left alone until then
        self.ended: queue.SimpleQueue[tuple[Transfer | _Copy, BaseException | int]] = queue.SimpleQueue()
        self.failures: list[TodusError] = []
        self.stop = threading.Event()

    def run(self, bar: Progress) -> None:
        """Fetch all; what failed for good is in `failures` then."""
        busy, most = 0, 2 * self.workers  # for each worker another one at hand, or it idles
        with ThreadPoolExecutor(self.workers) as executor:
            try:
                while len(self.failures) < FAILURES_TO_STOP:
                    while busy < most and (transfer := self._next()):
                        executor.submit(self._try, transfer)
                        busy += 1
                    if not busy and not self.waiting:
                        break
                    try:
                        transfer, outcome = self.ended.get(timeout=self._pause() if busy < most else None)
                    except queue.Empty:
                        continue
                    busy -= 1
                    self._note(transfer, outcome, bar)
            finally:  # also on Ctrl-C: nothing new is begun
                self.stop.set()
                executor.shutdown(wait=True, cancel_futures=True)

    def _transfer(self, url: str, target: Path) -> Transfer | _Copy:
        local = local_path(url)
        if local is not None:
            return _Copy(url, local, target, self.check)
        return Transfer(url, target, self.patience, None, self.check, self.workers, resumable=False, most=MOST_OF_MANY)

    def _next(self) -> Transfer | _Copy | None:
        """What can be tried now: what has waited long enough, else a new one, unless too many wait already."""
        now = time.monotonic()
        if now < self.hold_until:
            return None
        if self.waiting and self.waiting[0][0] <= now:
            return heapq.heappop(self.waiting)[2]
        return next(self.transfers, None) if len(self.waiting) < WAITING * self.workers else None

    def _pause(self) -> float | None:
        """Seconds until something may be tried that may not be now; None if only the workers can bring news."""
        now = time.monotonic()
        due = max(self.waiting[0][0], self.hold_until) if self.waiting else self.hold_until
        return max(due - now, 0.001) if due > now or self.waiting else None

    def _try(self, transfer: Transfer | _Copy) -> None:
        if self.stop.is_set():
            return
        try:
            transfer.attempt()
            self.ended.put((transfer, size_of(transfer.target)))
        except BaseException as error:  # it is for the thread that waits to tell an error from a next attempt
            self.ended.put((transfer, error))

    def _note(self, transfer: Transfer | _Copy, outcome: BaseException | int, bar: Progress) -> None:
        if isinstance(outcome, int):
            bar.advance(outcome)
            return
        try:
            if not isinstance(outcome, TryAgain):
                raise outcome
            due = time.monotonic() + transfer.failed(outcome)
            if outcome.wait:
                self.hold_until = max(self.hold_until, time.monotonic() + outcome.wait)
            heapq.heappush(self.waiting, (due, id(transfer), transfer))
        except WorldError as error:
            transfer.forget()
            self.failures.append(error)
