"""The API's protocol buffers on a current protobuf, without protoc and without touching site-packages.

The PyPI package ships modules (`object_detection/protos/*_pb2.py`) that an old protoc generated. protobuf >= 4
refuses to import them, but each still carries the serialized description of its messages, and that is all one needs:
the import hook below reads the description out of the source and builds the messages anew.

Needed for tf-models-research-object-detection 2.8.0.post1; can go when the API ships modules of protoc >= 3.20.
A checkout (OBJECT_DETECTION_DIR) whose protos were compiled with a current protoc is imported as it is.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType

from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.internal import builder

from todus.bridge import location
from todus.errors import UserError

PACKAGE = "object_detection.protos"


class StaleProtoImporter(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports `object_detection.protos.X_pb2` from the description inside a module that protobuf would refuse."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith(f"{PACKAGE}.") or not name.endswith("_pb2"):
            return None
        source = Path(next(iter(path))) / f"{name.rpartition('.')[2]}.py"
        if not source.is_file():
            raise UserError(
                f"{source} is missing; compile the protos there: protoc object_detection/protos/*.proto "
                "--python_out=. (in the folder above object_detection)"
            )
        if "serialized_pb=" not in source.read_text(encoding="utf-8"):
            return None  # made by a current protoc: Python's own import does it
        return importlib.machinery.ModuleSpec(name, self, origin=str(source))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        serialized = _serialized_description(Path(module.__spec__.origin))
        for dependency in descriptor_pb2.FileDescriptorProto.FromString(serialized).dependency:
            importlib.import_module(dependency.removesuffix(".proto").replace("/", ".") + "_pb2")
        module.DESCRIPTOR = descriptor_pool.Default().AddSerializedFile(serialized)
        builder.BuildMessageAndEnumDescriptors(module.DESCRIPTOR, vars(module))
        builder.BuildTopDescriptorsAndMessages(module.DESCRIPTOR, module.__name__, vars(module))


def _serialized_description(source: Path) -> bytes:
    """The FileDescriptorProto, serialized, that old protoc wrote as `serialized_pb=b'...'`."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "serialized_pb":
            return ast.literal_eval(node.value)
    raise UserError(f"{source} holds no protocol buffer description; reinstall the Object Detection API: make install")


def install() -> None:
    """Put the API on the path and the importer in place. May be called again at no cost."""
    location.put_on_path()
    if not any(isinstance(finder, StaleProtoImporter) for finder in sys.meta_path):
        sys.meta_path.insert(0, StaleProtoImporter())
