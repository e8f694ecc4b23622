"""End a step that waits for other machines when a signal asks to stop.

While TensorFlow runs a step, Python's handlers of signals wait for its end, which may never come. The number of a
signal is written to a socket at once, though, and a thread listens there.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from todus.bridge.graph_mode import tf

PATIENCE = 3.0  # seconds that a step has to end by itself, and then between two tries


@contextmanager
def released_when_asked_to_stop(release: Callable[[], None]) -> Iterator[None]:
    """Call `release` again and again once SIGINT or SIGTERM has come, until the block ends. Main thread only."""
    told, tells = socket.socketpair()
    tells.setblocking(False)  # set_wakeup_fd asks for it
    ended = threading.Event()
    thread = threading.Thread(target=_listen, args=(told, ended, release), daemon=True)
    before = signal.set_wakeup_fd(tells.fileno())
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        ended.set()
        tells.close()
        thread.join(PATIENCE)


def _listen(told: socket.socket, ended: threading.Event, release: Callable[[], None]) -> None:
    with told:
        while number := told.recv(1):
            if number[0] in (signal.SIGINT, signal.SIGTERM):
                break
    while not ended.wait(PATIENCE):
        with suppress(tf.errors.OpError, RuntimeError):  # the session may be closed by now
            release()
