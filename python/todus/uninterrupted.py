"""Keep Ctrl-C and a request to end waiting for the moment in which files take the place of others."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let signals that would end the block wait until it has ended. For blocks of a moment.

    They are caught, not masked: a mask holds for one thread, and TensorFlow has others that would be given the signal.
    Python handles signals in the main thread only, so there is nothing to do in others.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    ours = [number for number, handler in handlers.items() if handler is not None]  # None: not set by Python
    try:
        for number in ours:
            signal.signal(number, lambda number, _: arrived.append(number))
        yield
    finally:
        for number in ours:
            signal.signal(number, handlers[number])
        for number in arrived:
            signal.raise_signal(number)
