"""The two protocol buffer messages of a dataset, without TensorFlow and without generated code.

tf.train.Example (tensorflow/core/example/{example,feature}.proto) and the Object Detection API's StringIntLabelMap
(object_detection/protos/string_int_label_map.proto), described here field by field, in a pool of their own so that
they never meet the originals in the same process.
"""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "float": _Field.TYPE_FLOAT,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
}


def _describe(message: descriptor_pb2.DescriptorProto, name: str, fields: str) -> descriptor_pb2.DescriptorProto:
    """Fill in `message` from lines such as `repeated float value = 1 [packed]`."""
    message.name = name
    for line in fields.strip().splitlines():
        label, kind, field_name, _, number, *options = line.split()
        field = message.field.add(name=field_name, number=int(number))
        field.label = _Field.LABEL_REPEATED if label == "repeated" else _Field.LABEL_OPTIONAL
        if kind in _SCALARS:
            field.type = _SCALARS[kind]
        else:
            field.type, field.type_name = _Field.TYPE_MESSAGE, kind
        if "[packed]" in options:
            field.options.packed = True
        if "[kind]" in options:  # a member of the only oneof
            field.oneof_index = 0
    return message


def _example_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tensorflow", syntax="proto3")
    add = file.message_type.add
    _describe(add(), "BytesList", "repeated bytes value = 1")
    _describe(add(), "FloatList", "repeated float value = 1 [packed]")
    _describe(add(), "Int64List", "repeated int64 value = 1 [packed]")
    feature = _describe(
        add(),
        "Feature",
        """optional .tensorflow.BytesList bytes_list = 1 [kind]
           optional .tensorflow.FloatList float_list = 2 [kind]
           optional .tensorflow.Int64List int64_list = 3 [kind]""",
    )
    feature.oneof_decl.add(name="kind")
    features = _describe(add(), "Features", "repeated .tensorflow.Features.FeatureEntry feature = 1")
    entry = _describe(
        features.nested_type.add(),
        "FeatureEntry",
        """optional string key = 1
           optional .tensorflow.Feature value = 2""",
    )
    entry.options.map_entry = True
    _describe(add(), "Example", "optional .tensorflow.Features features = 1")
    return file


def _label_map_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="string_int_label_map.proto", package="object_detection.protos", syntax="proto2"
    )
    _describe(
        file.message_type.add(),
        "StringIntLabelMapItem",
        """optional string name = 1
           optional int32 id = 2
           optional string display_name = 3""",
    )
    _describe(
        file.message_type.add(),
        "StringIntLabelMap",
        "repeated .object_detection.protos.StringIntLabelMapItem item = 1",
    )
    return file


def _message(full_name: str) -> type:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(full_name))


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_example_file())
_pool.Add(_label_map_file())

BytesList = _message("tensorflow.BytesList")
FloatList = _message("tensorflow.FloatList")
Int64List = _message("tensorflow.Int64List")
Feature = _message("tensorflow.Feature")
Example = _message("tensorflow.Example")
StringIntLabelMap = _message("object_detection.protos.StringIntLabelMap")
