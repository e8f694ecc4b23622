"""The GPU's memory, which here is the host's; a program may still only copy to and from it."""

from __future__ import annotations

import ctypes

import numpy as np

_BLOCKS: dict[int, ctypes.Array] = {}


def allocate(size: int) -> int:
    """The address of so many bytes."""
    block = (ctypes.c_char * size)()
    _BLOCKS[ctypes.addressof(block)] = block
    return ctypes.addressof(block)


def copy(target: int, source: int, size: int) -> None:
    assert size <= len(_BLOCKS.get(target) or _BLOCKS[source]), "one of them is the GPU's, and has room for it"
    ctypes.memmove(target, source, size)


def array(address: int, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """What lies at an address; changing it changes the memory."""
    block = _BLOCKS[address]
    assert len(block) == np.prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(block, dtype).reshape(shape)
