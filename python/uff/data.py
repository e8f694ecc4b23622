"""Values of a node's fields, each as the Data message of its kind."""

from __future__ import annotations

from collections.abc import Iterable

from uff.schema import DATA_TYPES, Data


def integer(value: int) -> Data:
    return Data(i=value)


def real(value: float) -> Data:
    return Data(d=value)


def text(value: str) -> Data:
    return Data(s=value)


def boolean(value: bool) -> Data:
    return Data(b=value)


def reference(key: str) -> Data:
    """The entry `key` of the file's referenced_data."""
    return Data(ref=key)


def data_type(name: str) -> Data:
    """Args:
    name: as in uff.schema.DATA_TYPES.
    """
    return Data(dtype=DATA_TYPES[name])


def integers(values: Iterable[int]) -> Data:
    """An empty list too is written as one: the shape of a scalar."""
    data = Data()
    data.i_list.SetInParent()
    data.i_list.val.extend(values)
    return data


def reals(values: Iterable[float]) -> Data:
    data = Data()
    data.d_list.SetInParent()
    data.d_list.val.extend(values)
    return data


def booleans(values: Iterable[bool]) -> Data:
    data = Data()
    data.b_list.SetInParent()
    data.b_list.val.extend(values)
    return data


def texts(values: Iterable[str]) -> Data:
    data = Data()
    data.s_list.SetInParent()
    data.s_list.val.extend(values)
    return data


def data_types(names: Iterable[str]) -> Data:
    data = Data()
    data.dtype_list.SetInParent()
    data.dtype_list.val.extend(DATA_TYPES[name] for name in names)
    return data
