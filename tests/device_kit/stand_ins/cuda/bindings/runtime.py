"""In the place of cuda-python, by its documentation: each function gives a tuple that begins with an error."""

from __future__ import annotations

import enum

import memory


class cudaError_t(enum.IntEnum):  # noqa: N801
    cudaSuccess = 0  # noqa: N815
    cudaErrorInvalidValue = 1  # noqa: N815


class cudaMemcpyKind(enum.IntEnum):  # noqa: N801
    cudaMemcpyHostToDevice = 1  # noqa: N815
    cudaMemcpyDeviceToHost = 2  # noqa: N815


def cudaMalloc(size: int) -> tuple:  # noqa: N802
    return (cudaError_t.cudaSuccess, memory.allocate(size)) if size else (cudaError_t.cudaErrorInvalidValue, None)


def cudaMemcpy(target: int, source: int, size: int, kind: cudaMemcpyKind) -> tuple:  # noqa: N802
    assert isinstance(kind, cudaMemcpyKind)
    memory.copy(target, source, size)
    return (cudaError_t.cudaSuccess,)


def cudaDeviceSynchronize() -> tuple:  # noqa: N802
    return (cudaError_t.cudaSuccess,)
