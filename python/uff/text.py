"""The form of a .uff file that people read: all of it but long weights."""

from __future__ import annotations

from google.protobuf import text_format

from uff.schema import MetaGraph

_LONGEST_BLOB = 32  # bytes; NVIDIA's converter was seen to write 24 and to skip 48


def dump(meta: MetaGraph) -> str:
    """The text form; keys of maps are sorted."""
    shortened = MetaGraph()
    shortened.CopyFrom(meta)
    for data in shortened.referenced_data.values():
        if len(data.blob) > _LONGEST_BLOB:
            data.blob = f"(...{len(data.blob)} bytes skipped...)".encode()
    return text_format.MessageToString(shortened)
