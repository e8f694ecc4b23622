"""The structural check: that a sound file passes, and that every kind of damage is told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from uff_interpreter import made, structure
from uff_interpreter.uff_file import Data, Node, UffFile, parse

KERNEL = np.ones([3, 3, 3, 2], np.float32)


def sound() -> UffFile:
    convolution = made.node("conv", "Conv", "Input", "kernel", **made.window(dilation=Data("i_list", [1, 1])))
    anchors = made.node("anchors", "_Made_TRT", "conv", numLayers_u_int=Data("i", 6), dtype=Data("dtype", made.FLOAT32))
    return made.file(convolution, anchors, constants={"kernel": KERNEL})


def test_a_sound_file_has_no_problems() -> None:
    assert structure.problems(sound()) == []


def rename(file: UffFile) -> None:
    file.node("kernel").id = "conv"


def cut_loose(file: UffFile) -> None:
    file.node("conv").inputs[0] = "gone"


def point_nowhere(file: UffFile) -> None:
    file.node("conv").fields["inputs_orders"] = Data("ref", "orders_N+C")


def keep_unused(file: UffFile) -> None:
    file.referenced["orders_NC_CK"] = Data("dim_orders_list", structure.ORDERS["orders_NC_CK"])


def shorten(file: UffFile) -> None:
    file.referenced["weights_kernel"] = Data("blob", KERNEL.tobytes()[:-4])


def forget_custom(file: UffFile) -> None:
    file.descriptors.remove(structure.CUSTOM)


def turn_around(file: UffFile) -> None:
    file.referenced["orders_N+C_+CK"] = Data("dim_orders_list", [structure.HWIO, structure.NHWC])


def unmark(file: UffFile) -> None:
    file.nodes.remove(file.one("MarkOutput"))


def mark_first(file: UffFile) -> None:
    file.nodes.insert(0, file.nodes.pop())


def leave_an_orphan(file: UffFile) -> None:
    file.nodes.insert(1, Node("orphan", "Shape", ["Input"]))


def add_an_operation(file: UffFile) -> None:
    file.node("conv").operation = "Convolution"


def drop_a_field(file: UffFile) -> None:
    del file.node("conv").fields["dilation"]


def mistype_a_field(file: UffFile) -> None:
    file.node("conv").fields["strides"] = Data("i", 2)


def add_a_field(file: UffFile) -> None:
    file.node("conv").fields["padding"] = Data("i_list", [1, 1])


def mistype_an_attribute(file: UffFile) -> None:
    file.node("anchors").fields["numLayers_u_int"] = Data("d", 6.0)


def drop_a_suffix(file: UffFile) -> None:
    file.node("anchors").fields["numLayers"] = file.node("anchors").fields.pop("numLayers_u_int")


def zero_version(file: UffFile) -> None:
    file.core_version = 0


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (rename, "2 nodes have this id"),
        (cut_loose, "input gone is not there"),
        (point_nowhere, "orders_N+C: referred to and not there"),
        (keep_unused, "orders_NC_CK: there and not referred to"),
        (shorten, "kernel: 212 bytes"),
        (forget_custom, "descriptors"),
        (turn_around, "orders_N+C_+CK are"),
        (unmark, "no node is a MarkOutput"),
        (mark_first, "after all other nodes"),
        (leave_an_orphan, "orphan: no output needs it"),
        (add_an_operation, "operation Convolution"),
        (drop_a_field, "without dilation"),
        (mistype_a_field, "field strides is a i"),
        (add_a_field, "field padding"),
        (mistype_an_attribute, "numLayers_u_int is a d"),
        (drop_a_suffix, "numLayers is a i"),
        (zero_version, "descriptor_core_version 0"),
    ],
)
def test_damage_is_told(damage: Callable[[UffFile], None], told: str) -> None:
    file = sound()
    damage(file)
    assert told in "\n".join(structure.problems(file))
    with pytest.raises(AssertionError):
        structure.require(file)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x30\x01", "MetaGraph has a field 6"),  # field 6, a varint
        (b"\x22\x7f\x0a", "cut off"),  # a graph of 127 bytes, of which one is there
        (b"\x0c", "wire type 4"),
        (b"\x2a\x04\x12\x02\x62\x00", "Data has a field 12"),
    ],
)
def test_what_is_no_uff_file_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse(content)


def test_numbers_are_read_as_they_are_written() -> None:
    """An entry of referenced_data, by hand: the key k, and a list -1, 300, packed; a double 0.5; a scalar's shape."""
    minus_one = b"\xff" * 9 + b"\x01"
    assert parse(entry(b"\x42\x0e\x0a\x0c" + minus_one + b"\xac\x02")).referenced == {"k": Data("i_list", [-1, 300])}
    assert parse(entry(b"\x19" + np.float64(0.5).tobytes())).referenced == {"k": Data("d", 0.5)}
    assert parse(entry(b"\x42\x00")).referenced == {"k": Data("i_list", [])}


def entry(data: bytes) -> bytes:
    content = b"\x0a\x01k\x12" + bytes([len(data)]) + data
    return b"\x2a" + bytes([len(content)]) + content
