"""SIGINT and SIGTERM ask training to stop: it saves, and ends well."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")


class Stop:
    """Set by a signal: which one it was."""

    signal: str | None = None
    _interrupts = False

    def call(self, function: Callable[..., Result], *arguments: object) -> Result | None:
        """What `function` returns; None if a signal has come, or comes meanwhile and ends it at once."""
        self._interrupts = True
        try:
            return None if self.signal else function(*arguments)
        except _Interrupted:
            return None
        finally:
            self._interrupts = False

    def _remember(self, number: int, frame: object) -> None:
        self.signal = signal.Signals(number).name
        if self._interrupts:
            self._interrupts = False
            raise _Interrupted


class _Interrupted(BaseException):
    """Not an Exception, so that nobody takes it for a failure of what it interrupts."""


@contextmanager
def asked_to_stop() -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into a wish that the loop looks at between two steps."""
    stop = Stop()
    before = {number: signal.signal(number, stop._remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
