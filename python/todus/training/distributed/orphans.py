"""A process that another one has started, and that is to end with it, however that ends."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading

OPTION = "--ends-with-stdin"  # whoever started the process holds the other end of its standard input


def add_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(OPTION, action="store_true", help=argparse.SUPPRESS)


def end_with_stdin() -> None:
    """Have this process asked to stop, as by SIGTERM, when its standard input ends."""

    def wait() -> None:
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 1):
                pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()
