"""Keep back what TensorFlow's C++ has to say of its work."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Send the standard descriptors nowhere, and Python's warnings with them; what Python prints (a progress bar) goes
    on to where it was going. For one thread at a time."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    disabled, python = logging.root.manager.disable, (sys.stdout, sys.stderr)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        sys.stdout, sys.stderr = (_elsewhere(*pair) for pair in zip(python, kept, strict=True))
        logging.disable(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        for changed, before in zip((sys.stdout, sys.stderr), python, strict=True):
            if changed is not before:
                changed.close()
        sys.stdout, sys.stderr = python
        for descriptor, original in zip((1, 2), kept, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        os.close(nowhere)


def _elsewhere(stream: object, descriptor: int) -> object:
    """A stream of Python's that writes to `descriptor` instead, unless it is somebody's own that writes elsewhere."""
    if stream not in (sys.__stdout__, sys.__stderr__):
        return stream
    return os.fdopen(os.dup(descriptor), "w", buffering=1)
