"""Many files on their way at once."""

from __future__ import annotations

import contextlib
import heapq
import queue
import resource
import threading
import time
from pathlib import Path

from todus.downloading.local_copy import Copy, local_path
from todus.downloading.transfer import Check, Transfer, size_of
from todus.downloading.transport import Patience, TryAgain
from todus.errors import TodusError, WorldError
from todus.progress import Progress

WAITING = 4  # times the workers: files that may wait for their next attempt before no further one is begun
FILES_OF_A_WORKER, FILES_BESIDES = 2, 24  # that are open at once
FAILURES_TO_STOP = 10  # of fetch_all: by then it is the network or the server, not this file
MOST_OF_MANY = 1 << 28  # bytes of one of many files; what is larger is not the file that was asked for


def affordable(workers: int) -> int:
    """As many of `workers` as this process may have files open for; two each, the connection and the file.

    The limit (ulimit -n) is raised as far as that goes without asking anyone.
    """
    needed = FILES_BESIDES + FILES_OF_A_WORKER * workers
    limit, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < needed:
        limit = needed if highest == resource.RLIM_INFINITY else min(needed, highest)
        with contextlib.suppress(OSError, ValueError):  # a system with a limit of its own beside this one
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, highest))
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return max(1, min(workers, (limit - FILES_BESIDES) // FILES_OF_A_WORKER))
    return workers


class Many:
    """Many files on their way. This thread decides what is tried when; the workers only try, and never wait."""

    def __init__(self, pairs: list[tuple[str, Path]], workers: int, patience: Patience, check: Check | None):
        self.patience, self.workers, self.check = patience, min(workers, len(pairs)), check
        self.transfers = (self._transfer(url, target) for url, target in pairs)
        self.waiting: list[tuple[float, int, Transfer]] = []  # a heap: when to try again, a tie-break, what
        self.hold_until = 0.0  # the server has asked to be left alone until then
        self.jobs: queue.SimpleQueue[Transfer | Copy | None] = queue.SimpleQueue()
        self.ended: queue.SimpleQueue[tuple[Transfer | Copy, BaseException | int]] = queue.SimpleQueue()
        self.failures: list[TodusError] = []
        self.stop = threading.Event()

    @property
    def gave_up(self) -> bool:
        """Whether the rest was not even tried."""
        return len(self.failures) >= FAILURES_TO_STOP

    def run(self, bar: Progress) -> None:
        """Fetch all; what failed for good is in `failures` then."""
        # Daemons, or a server that does not answer would hold up the end of the process after Ctrl-C.
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self.workers)]
        for thread in threads:
            thread.start()
        try:
            self._decide(bar)
        finally:  # nothing new is begun
            self.stop.set()
            for _ in threads:
                self.jobs.put(None)
        for thread in threads:  # not on Ctrl-C
            thread.join()

    def _decide(self, bar: Progress) -> None:
        busy, most = 0, 2 * self.workers  # for each worker another one at hand, or it idles
        while not self.gave_up:
            while busy < most and (transfer := self._next()):
                self.jobs.put(transfer)
                busy += 1
            if not busy and not self.waiting:
                break
            try:
                transfer, outcome = self.ended.get(timeout=self._pause() if busy < most else None)
            except queue.Empty:
                continue
            busy -= 1
            self._note(transfer, outcome, bar)

    def _work(self) -> None:
        while (transfer := self.jobs.get()) is not None:
            self._try(transfer)

    def _transfer(self, url: str, target: Path) -> Transfer | Copy:
        local = local_path(url)
        if local is not None:
            return Copy(url, local, target, self.check)
        return Transfer(url, target, self.patience, None, self.check, self.workers, resumable=False, most=MOST_OF_MANY)

    def _next(self) -> Transfer | Copy | None:
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

    def _try(self, transfer: Transfer | Copy) -> None:
        if self.stop.is_set():
            return
        try:
            transfer.attempt()
            self.ended.put((transfer, size_of(transfer.target)))
        except BaseException as error:  # it is for the thread that waits to tell an error from a next attempt
            self.ended.put((transfer, error))

    def _note(self, transfer: Transfer | Copy, outcome: BaseException | int, bar: Progress) -> None:
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
