"""In the place of PyCUDA, by its documentation."""

from __future__ import annotations

import memory
import numpy as np


class DeviceAllocation:
    def __init__(self, size: int):
        self.address = memory.allocate(size)

    def __int__(self) -> int:
        return self.address


def mem_alloc(size: int) -> DeviceAllocation:
    return DeviceAllocation(size)


def memcpy_htod(target: DeviceAllocation, source: np.ndarray) -> None:
    assert source.flags.c_contiguous
    memory.copy(int(target), source.ctypes.data, source.nbytes)


def memcpy_dtoh(target: np.ndarray, source: DeviceAllocation) -> None:
    assert target.flags.c_contiguous
    memory.copy(target.ctypes.data, int(source), target.nbytes)
