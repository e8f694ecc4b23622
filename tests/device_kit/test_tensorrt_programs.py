"""The programs for TensorRT, which does not run here: on stand-ins with its documented interface, whose engines compute
what the engine would by the plugins' public definitions, they find what Todus finds."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import on_device
import onnx
import onnxruntime
import pytest

from converting import onnx_models
from todus import layout
from todus.coco import label_map
from todus.converting import onnx as converting_onnx
from todus.converting import onnx_check, uff
from todus.converting.onnx_facts import RAW_BOXES, RAW_SCORES, Form
from todus.device_kit import kit, program
from todus.evaluation import detectors
from todus.evaluation.detectors import Detections
from uff_interpreter import interpreter, uff_file

TOLERANCE, LEAST = 1e-3, 0.02
NEEDED = ("labels", "height", "width", "resize", "mean", "deviation", "input", "layout")
STAND_INS = Path(__file__).with_name("stand_ins")


@pytest.fixture(scope="module")
def tensorrt() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(STAND_INS)
        import tensorrt

        yield tensorrt
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(STAND_INS)):
            del sys.modules[name]  # nobody else shall take it for NVIDIA's


@pytest.fixture
def find(tensorrt: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys) -> Callable[..., list[Detections]]:
    """`find(folder, photos)` runs the program of the kit in `folder` in this very process."""

    def run(folder: Path, photos: list[Path]) -> list[Detections]:
        arguments = ["detect.py", "--json", "--threshold", str(LEAST), *map(str, photos)]
        monkeypatch.setattr("sys.argv", arguments)
        capsys.readouterr()
        there = on_device.imported(folder / "detect.py")
        assert there.main(there.Detector, there.SUFFIX, there.REMEDY) == 0
        return on_device.found_by(capsys.readouterr().out)

    return run


def require_equal(found: list[Detections], wanted: list[Detections]) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert not on_device.missing(ours, theirs, TOLERANCE, LEAST + TOLERANCE)
        assert not on_device.missing(theirs, ours, TOLERANCE, LEAST + TOLERANCE)
    assert sum(len(each.scores) for each in found) > 3 * len(found), "or this proves little"


FORMS = {
    "float nchw": Form("tensorrt", "float", "nchw"),
    "uint8 nhwc": Form("tensorrt", "uint8", "nhwc"),
    "uint8 nchw of any number": Form("tensorrt", "uint8", "nchw", "dynamic"),
}


@pytest.mark.parametrize("name", FORMS)
def test_of_an_onnx_file_for_tensorrt(name, model, photos, find, tensorrt, tmp_path: Path) -> None:
    converting_onnx.convert(model, form=FORMS[name])
    detector = detectors.from_onnx(without_plugin(model.onnx, tmp_path / "raw.onnx"))
    wanted = detector.detect([on_device.upright(photo) for photo in photos])
    detector.close()
    kit.make(model, "onnx")
    folder = shutil.copytree(model.device_kit("onnx"), tmp_path / "copied to the device")
    (folder / f"{model.name}.engine").write_bytes(name.encode())
    tensorrt.ENGINES[name.encode()] = efficient_nms_engine(tensorrt, model.onnx)
    require_equal(find(folder, photos), wanted)
    build, setup, detect = on_device.commands(folder)
    assert build.startswith(
        f"PATH=$PATH:/usr/src/tensorrt/bin trtexec --onnx={model.name}.onnx --saveEngine={model.name}.engine"
    )
    assert ("--optShapes=image:1x3x96x96" in build) == (FORMS[name].batch == "dynamic")
    assert setup.endswith('.venv/bin/pip install numpy pillow "cuda-python==12.*"')
    assert detect == ".venv/bin/python detect.py photo.jpg"
    told = (folder / "README.md").read_text(encoding="utf-8")
    assert '"cuda-python==11.*"' in told and "was not run on one" in told


def without_plugin(path: Path, target: Path) -> Path:
    """The same file, suppressed by Todus itself."""
    raw = onnx_check.without_suppression(onnx.load(path))
    (entry,) = (entry for entry in raw.metadata_props if entry.key == "nms")
    entry.value = json.dumps("none")
    onnx.save(raw, target)
    return target


def efficient_nms_engine(tensorrt: ModuleType, path: Path) -> tuple:
    """What TensorRT would build of a file that ends in EfficientNMS_TRT, which is computed by its definition with the
    settings that the file has."""
    whole = onnx.load(path)
    plugin = whole.graph.node[-1]
    assert plugin.op_type == "EfficientNMS_TRT" and list(plugin.input) == [RAW_BOXES, RAW_SCORES]
    settings = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in plugin.attribute}
    session = onnxruntime.InferenceSession(onnx_check.without_suppression(whole).SerializeToString())

    def compute(image: np.ndarray) -> list[np.ndarray]:
        return onnx_models.efficient_nms(*session.run([RAW_BOXES, RAW_SCORES], {"image": image}), settings)

    kinds = {onnx.TensorProto.FLOAT: "FLOAT", onnx.TensorProto.INT32: "INT32", onnx.TensorProto.UINT8: "UINT8"}

    def tensor(value: onnx.ValueInfoProto, mode: object) -> object:
        of = value.type.tensor_type
        shape = tuple(size.dim_value or -1 for size in of.shape.dim)  # -1: any number at once
        return tensorrt.Tensor(value.name, mode, shape, tensorrt.DataType[kinds[of.elem_type]])

    outputs = {value.name: value for value in whole.graph.output}
    tensors = [tensor(whole.graph.input[0], tensorrt.TensorIOMode.INPUT)]
    tensors += [tensor(outputs[name], tensorrt.TensorIOMode.OUTPUT) for name in plugin.output]
    return tensors, compute


def test_an_engine_for_other_images_is_one_line(photos, find, tensorrt, tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "detect.py").write_text(program.text("detect_tensorrt"))
    facts = {"labels": ["dog"], "height": 64, "width": 64, "resize": "BILINEAR", "mean": [0.0] * 3}
    facts |= {"deviation": [1.0] * 3, "input": "float", "layout": "nchw"}
    (folder / "model.json").write_text(json.dumps(facts))
    (folder / "x.engine").write_bytes(b"for 96x96")
    image = tensorrt.Tensor("image", tensorrt.TensorIOMode.INPUT, (1, 3, 96, 96), tensorrt.DataType.FLOAT)
    tensorrt.ENGINES[b"for 96x96"] = ([image], lambda _: [])
    with pytest.raises(SystemExit, match=r"x.engine: TensorRT built it for other images than \(1, 3, 64, 64\)"):
        find(folder, photos)
    (folder / "model.json").unlink()
    with pytest.raises(SystemExit, match=r"model.json is not there, which tells what the engine takes; copy it there"):
        find(folder, photos)


def test_of_a_uff_file(model: layout.Model, photos, find, tensorrt: ModuleType, tmp_path: Path) -> None:
    uff.convert(model)
    kit.make(model, "uff")
    folder = shutil.copytree(model.device_kit("uff"), tmp_path / "copied to the device")
    (folder / f"{model.name}.engine").write_bytes(b"built of uff")
    tensorrt.ENGINES[b"built of uff"] = uff_engine(tensorrt, model.uff)
    cut = label_map.read(model.label_map)
    detector = detectors.from_frozen_graph(model.frozen_graph, lambda _: cut)
    some = photos[:5]
    wanted = detector.detect([on_device.upright(photo) for photo in some])
    detector.close()
    require_equal(find(folder, some), wanted)


def uff_engine(tensorrt: ModuleType, path: Path) -> tuple:
    """What TensorRT would build of a .uff file, with NMS_TRT's two outputs."""
    file = uff_file.read(path)
    shape = (1, *file.one("Input").fields["shape"].value[1:])
    most = file.one("_NMS_TRT").fields["keepTopK_u_int"].value

    def compute(image: np.ndarray) -> list[np.ndarray]:
        ((found, count),) = interpreter.run(file, image.transpose(0, 2, 3, 1))
        return [found.reshape(1, 1, most, 7).astype(np.float32), count.reshape(1, 1, 1, 1).astype(np.int32)]

    tensors = [
        tensorrt.Tensor("Input", tensorrt.TensorIOMode.INPUT, shape, tensorrt.DataType.FLOAT),
        tensorrt.Tensor("NMS", tensorrt.TensorIOMode.OUTPUT, (1, 1, most, 7), tensorrt.DataType.FLOAT),
        tensorrt.Tensor("NMS_1", tensorrt.TensorIOMode.OUTPUT, (1, 1, 1, 1), tensorrt.DataType.INT32),
    ]
    return tensors, compute


def test_an_engine_of_another_device_is_one_line(model, photos, tensorrt, monkeypatch) -> None:
    (model.folder / "other.engine").write_bytes(b"unknown")
    for name in ("tensorrt", "uff"):
        monkeypatch.setattr("sys.argv", ["detect.py", str(photos[0]), "--model", str(model.folder / "other.engine")])
        there = on_device.example(name)
        monkeypatch.setattr(there, "__file__", str(model.folder / "detect.py"))
        (model.folder / "model.json").write_text(json.dumps({key: [] for key in NEEDED}))
        with pytest.raises(SystemExit, match=r"other.engine: TensorRT cannot load it; build it anew on this very"):
            there.main(there.Detector, there.SUFFIX, there.REMEDY)
