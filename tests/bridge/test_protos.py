"""The API's protocol buffers, whose modules the installed protobuf refuses to import."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from support import run_python
from todus.bridge import location

IMPORT_ALL = """
import importlib, sys
from todus.bridge import protos
protos.install()
for name in sys.argv[1:]:
    module = importlib.import_module(f"object_detection.protos.{name}")
    print(name, module.DESCRIPTOR.name, len(module.DESCRIPTOR.message_types_by_name))
    for message in module.DESCRIPTOR.message_types_by_name:
        getattr(module, message)().SerializeToString()
print("tensorflow" in sys.modules)
"""


def test_every_module_imports_without_tensorflow():
    names = sorted(path.stem for path in (location.put_on_path() / "protos").glob("*_pb2.py"))
    assert {"pipeline_pb2", "ssd_pb2", "string_int_label_map_pb2"} <= set(names)
    result = run_python(IMPORT_ALL, *names)
    assert result.returncode == 0, result.stderr
    *modules, tensorflow = result.stdout.splitlines()
    for line, name in zip(modules, names, strict=True):
        assert line.startswith(f"{name} object_detection/protos/{name.removesuffix('_pb2')}.proto ")
    assert sum(int(line.split()[-1]) for line in modules) > 100
    assert tensorflow == "False"


IMPORT_ONE = """
from todus import command
from todus.bridge import protos
def main():
    protos.install()
    from object_detection.protos import kennel_pb2
    print(kennel_pb2.Kennel(dogs=3).dogs, type(kennel_pb2.__loader__).__name__)
command.run(main)
"""


def checkout(folder: Path) -> Path:
    """A `research` folder with the least that the bridge looks for, and no proto at all."""
    protos = folder / "object_detection" / "protos"
    protos.mkdir(parents=True)
    for package in (protos.parent, protos):
        (package / "__init__.py").touch()
    (protos.parent / "model_lib.py").touch()
    return protos


def test_a_module_of_a_current_protoc_is_imported_as_it_is(tmp_path):
    description = FileDescriptorProto(name="object_detection/protos/kennel.proto", package="dogs", syntax="proto2")
    field = {"name": "dogs", "number": 1, "label": "LABEL_OPTIONAL", "type": "TYPE_INT32"}
    description.message_type.add(name="Kennel").field.add(**field)
    (checkout(tmp_path) / "kennel_pb2.py").write_text(
        "from google.protobuf import descriptor_pool\n"
        "from google.protobuf.internal import builder\n"
        f"DESCRIPTOR = descriptor_pool.Default().AddSerializedFile({description.SerializeToString()!r})\n"
        "builder.BuildMessageAndEnumDescriptors(DESCRIPTOR, globals())\n"
        "builder.BuildTopDescriptorsAndMessages(DESCRIPTOR, 'object_detection.protos.kennel_pb2', globals())\n"
    )
    result = run_python(IMPORT_ONE, OBJECT_DETECTION_DIR=str(tmp_path))
    assert (result.stdout, result.stderr) == ("3 SourceFileLoader\n", "")


def test_a_checkout_without_compiled_protos_is_told_to_compile_them(tmp_path):
    checkout(tmp_path)
    result = run_python(IMPORT_ONE, OBJECT_DETECTION_DIR=str(tmp_path))
    assert result.returncode == 2
    assert result.stderr.startswith(f"todus: {tmp_path}/object_detection/protos/kennel_pb2.py is missing; compile")
    assert result.stderr.count("\n") == 1
