"""The messages of a .uff file, byte by byte, and that reading them needs no TensorFlow."""

from support import run_python

from uff.schema import Data, Descriptor, Graph, MetaGraph, Node


def test_the_bytes_of_a_file():
    meta = MetaGraph(version=1, descriptor_core_version=1, descriptors=[Descriptor(id="a", version=1)])
    node = Node(id="n", inputs=["m"], operation="Op")
    node.fields["k"].i = 7
    meta.graphs.append(Graph(id="main", nodes=[node]))
    meta.referenced_data["w"].blob = b"\x01\x02"
    assert meta.SerializeToString(deterministic=True) == (
        b"\x08\x01\x10\x01"
        b"\x1a\x05\x0a\x01a\x10\x01"
        b"\x22\x1b\x0a\x04main\x12\x13\x0a\x01n\x12\x01m\x1a\x02Op\x22\x07\x0a\x01k\x12\x02\x38\x07"
        b"\x2a\x09\x0a\x01w\x12\x04\x4a\x02\x01\x02"
    )


def test_the_bytes_of_lists():
    lists = {"i_list": [0, -1], "d_list": [0.5], "b_list": [True], "s_list": ["x"], "dtype_list": [0x20020]}
    data = {kind: Data() for kind in lists}
    for kind, values in lists.items():
        getattr(data[kind], kind).val.extend(values)
    assert {kind: value.SerializeToString() for kind, value in data.items()} == {
        "i_list": b"\x42\x0d\x0a\x0b\x00" + b"\xff" * 9 + b"\x01",  # numbers are packed
        "d_list": b"\x22\x0a\x0a\x08\x00\x00\x00\x00\x00\x00\xe0\x3f",
        "b_list": b"\x32\x03\x0a\x01\x01",
        "s_list": b"\x12\x03\x0a\x01x",
        "dtype_list": b"\xb2\x06\x05\x0a\x03\xa0\x80\x08",
    }


def test_a_value_that_is_zero_is_still_written():
    assert Data(i=0).SerializeToString() == b"\x38\x00"
    empty = Data()
    empty.i_list.SetInParent()
    assert empty.SerializeToString() == b"\x42\x00"


def test_the_schema_and_the_package_need_no_tensorflow():
    result = run_python("import sys, uff, uff.schema, uff.text, uff.graph; print('tensorflow' in sys.modules)")
    assert result.stdout == "False\n", result.stderr
