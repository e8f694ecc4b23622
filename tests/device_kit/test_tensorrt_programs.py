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
from todus.converting import onnx_file, uff
from todus.converting.onnx_facts import RAW_BOXES, RAW_SCORES
from todus.device_kit import kit
from todus.evaluation import detectors
from todus.evaluation.detectors import Detections
from uff_interpreter import interpreter, uff_file

TOLERANCE, LEAST = 1e-3, 0.02
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
        program = on_device.imported(folder / "detect.py")
        assert program.main(program.Detector, program.SUFFIX, program.REMEDY) == 0
        return on_device.found_by(capsys.readouterr().out)

    return run


def require_equal(found: list[Detections], wanted: list[Detections]) -> None:
    for ours, theirs in zip(found, wanted, strict=True):
        assert not on_device.missing(ours, theirs, TOLERANCE, LEAST + TOLERANCE)
        assert not on_device.missing(theirs, ours, TOLERANCE, LEAST + TOLERANCE)
    assert sum(len(each.scores) for each in found) > 3 * len(found), "or this proves little"


def test_of_an_onnx_file_for_tensorrt(model, raw_onnx: Path, photos, find, tensorrt, tmp_path: Path) -> None:
    detector = detectors.from_onnx(raw_onnx)
    wanted = detector.detect([on_device.upright(photo) for photo in photos])
    detector.close()
    shutil.copyfile(raw_onnx, model.onnx)
    pretend_it_is_for_tensorrt(model.onnx)
    kit.make(model, "onnx")
    folder = shutil.copytree(model.device_kit("onnx"), tmp_path / "copied to the device")
    (folder / f"{model.name}.engine").write_bytes(b"built of onnx")
    tensorrt.ENGINES[b"built of onnx"] = efficient_nms_engine(tensorrt, raw_onnx)
    require_equal(find(folder, photos), wanted)
    told = (folder / "README.md").read_text(encoding="utf-8")
    build = f"trtexec --onnx={model.name}.onnx --saveEngine={model.name}.engine"
    assert f"\n\n    {build}\n    python3 detect.py photo.jpg\n\n" in told and "was not run on one" in told


def pretend_it_is_for_tensorrt(path: Path) -> None:
    """The file of raw boxes and scores is one of NMS=tensorrt but for its last node."""
    whole = onnx.load(path)
    (entry,) = (entry for entry in whole.metadata_props if entry.key == "nms")
    entry.value = json.dumps("tensorrt")
    onnx.save(whole, path)


def efficient_nms_engine(tensorrt: ModuleType, raw: Path) -> tuple:
    """What TensorRT would build of `raw` with the plugin EfficientNMS_TRT after it."""
    _, facts, _ = onnx_file.load(raw)
    session = onnxruntime.InferenceSession(raw.read_bytes())
    limits = {"score_threshold": LEAST, "iou_threshold": facts.iou_threshold, "max_output_boxes": facts.max_detections}
    constant = {"background_class": 0, "score_activation": 0, "class_agnostic": 0, "box_coding": 0}

    def compute(image: np.ndarray) -> list[np.ndarray]:
        raw = session.run([RAW_BOXES, RAW_SCORES], {"image": image})
        return onnx_models.efficient_nms(*raw, {**limits, **constant})

    most, image = facts.max_detections, (-1, 3, facts.height, facts.width)  # -1: any number at once
    outputs = [
        ("num_detections", (-1, 1), tensorrt.DataType.INT32),
        ("detection_boxes", (-1, most, 4), tensorrt.DataType.FLOAT),
        ("detection_scores", (-1, most), tensorrt.DataType.FLOAT),
        ("detection_classes", (-1, most), tensorrt.DataType.INT32),
    ]
    tensors = [tensorrt.Tensor("image", tensorrt.TensorIOMode.INPUT, image, tensorrt.DataType.FLOAT)]
    tensors += [tensorrt.Tensor(name, tensorrt.TensorIOMode.OUTPUT, *rest) for name, *rest in outputs]
    return tensors, compute


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


def test_pixels_as_they_are_go_to_an_input_of_8_bits(tensorrt: ModuleType) -> None:
    program = on_device.example("tensorrt")
    detector, facts = program.Detector.__new__(program.Detector), {"height": 2, "width": 2, "resize": "BILINEAR"}
    image = np.array([[0, 1, 4], [1, 2, 5], [9, 9, 9]], np.uint8)[:, :, np.newaxis].repeat(3, axis=2)
    for layout_of_image, channel in (("nhwc", np.s_[:, :, 0]), ("nchw", np.s_[0])):
        detector.facts = {**facts, "input": "uint8", "layout": layout_of_image}
        prepared = detector.prepared(image)
        assert prepared.dtype == np.uint8 and prepared[channel].tolist() == [[0, 3], [5, 6]]


def test_an_engine_of_another_device_is_one_line(model, photos, tensorrt, monkeypatch) -> None:
    (model.folder / "other.engine").write_bytes(b"unknown")
    for name in ("tensorrt", "uff"):
        monkeypatch.setattr("sys.argv", ["detect.py", str(photos[0]), "--model", str(model.folder / "other.engine")])
        program = on_device.example(name)
        monkeypatch.setattr(program, "__file__", str(model.folder / "detect.py"))
        (model.folder / "model.json").write_text('{"labels": []}')
        with pytest.raises(SystemExit, match=r"other.engine: TensorRT cannot load it; build it anew on this very"):
            program.main(program.Detector, program.SUFFIX, program.REMEDY)
