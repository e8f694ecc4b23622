"""The programs of device kits as such: their form, and that they resize images as TensorFlow 1 does."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import on_device
import pytest

from todus.converting.resizer import Resizer
from todus.converting.tflite_runner import Runner
from todus.device_kit import contents, program

PROGRAMS = ("detect_onnx", "detect_tensorrt", "detect_tflite", "detect_uff")
SIZES = [(1, 1), (2, 3), (47, 61), (96, 96), (300, 300), (480, 640), (1201, 1733)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_one_whole_file(name: str) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    check = [
        ruff,
        "check",
        "--isolated",
        "--line-length",
        "120",
        "--select",
        "E,F,I",
        "--stdin-filename",
        f"{name}.py",
        "-",
    ]
    checked = subprocess.run(check, input=program.text(name), capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    own = [path.stem for path in program.EXAMPLES.glob("*.py")]
    assert not re.search(rf"^\s*from ({'|'.join(own)}) import", program.text(name), re.M)


def test_what_programs_share_is_in_each_of_them_and_no_more() -> None:
    names = {
        name: {node.name for node in ast.parse(program.text(name)).body if hasattr(node, "name")} for name in PROGRAMS
    }
    for found in names.values():
        assert {"Detector", "resized", "read", "main"} <= found
    assert [name for name in PROGRAMS if "suppressed" in names[name]] == ["detect_onnx", "detect_tflite"]
    assert [name for name in PROGRAMS if "load" in names[name]] == ["detect_tensorrt", "detect_uff"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_they_are_understood_by_old_versions_of_python(name: str) -> None:
    tree = ast.parse(program.text(name), feature_version=(3, 7))
    later = {"list", "dict", "tuple", "set"}  # not to be subscripted before 3.9
    annotations = [node.value for node in ast.walk(tree) if isinstance(node, ast.Subscript)]
    assert not later & {node.id for node in annotations if isinstance(node, ast.Name)}
    is_for_jetpack_4 = name == "detect_uff"  # Python 3.6 has no __future__.annotations
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert ("__future__" in imported) != is_for_jetpack_4


@pytest.mark.parametrize("method", contents.RESIZES)
@pytest.mark.parametrize("height, width", [(96, 96), (300, 300), (64, 160)])
def test_images_are_resized_as_tensorflow_1_does_it(method: str, height: int, width: int) -> None:
    resize, random = Resizer(height, width, method), np.random.default_rng(0)
    tflite = on_device.example("tflite")
    for size in SIZES:
        image = random.integers(0, 256, (*size, 3), np.uint8)
        ours = tflite.resized(image, height, width, method)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, resize(image)[0], atol=1e-4)
    resize.close()


def test_detections_are_told_in_pixels_by_their_names_and_numbers_without_a_name_are_not() -> None:
    class Detector:
        labels: ClassVar = ["dog", "???", "traffic light"]

        def __call__(self, _: np.ndarray) -> tuple:
            boxes = np.array([[0.1, 0.2, 0.5, 0.6]] * 4, np.float32)
            return boxes, np.array([3, 2, 1, 1]), np.array([0.9, 0.8, 0.7, 0.1], np.float32)

    found = on_device.example("tflite").found_in(np.zeros((100, 200, 3), np.uint8), Detector(), 0.5)
    assert [detection["category"] for detection in found] == ["traffic light", "dog"]
    assert found[0]["bbox"] == pytest.approx([40, 10, 80, 40]) and found[0]["score"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    "kind, scale, zero_point",
    [
        (np.float32, 0.0, 0),
        (np.uint8, 1 / 127.5, 128),  # the 256 values of a pixel
        (np.int8, 1 / 127.5, 0),
        (np.int8, 1 / 64, 3),  # other steps
        (np.uint8, 1 / 200, 100),  # and beyond the limits of the type
    ],
)
def test_an_input_of_tensorflow_lite_is_filled_as_todus_fills_it(kind: type, scale: float, zero_point: int) -> None:
    tflite, facts = on_device.example("tflite"), {"mean": [127.5] * 3, "deviation": [127.5] * 3}
    ours, theirs = tflite.Detector.__new__(tflite.Detector), Runner.__new__(Runner)
    ours.facts = facts
    theirs._mean, theirs._deviation = (np.array(facts[name], np.float32) for name in ("mean", "deviation"))
    ours.input = theirs.input = {"dtype": kind, "quantization": (scale, zero_point)}
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 40, 40, 3)).astype(np.float32)
    filled = ours.prepared(pixels)
    assert filled.dtype == kind and len(np.unique(filled)) > 100
    np.testing.assert_array_equal(filled, theirs.stored(pixels))


def test_pixels_of_8_bits_are_rounded_as_todus_does_it() -> None:
    kind = on_device.example("onnx").Detector
    detector = kind.__new__(kind)
    detector.facts = {"preprocess": False, "height": 2, "width": 2, "resize": "BILINEAR", "input": "uint8"}
    detector.facts["layout"] = "nhwc"
    image = np.array([[0, 1, 4], [1, 2, 5], [9, 9, 9]], np.uint8)[:, :, np.newaxis].repeat(3, axis=2)
    # At 0 and 1.5 of both axes: halves are rounded up.
    assert detector.prepared(image)[:, :, 0].tolist() == [[0, 3], [5, 6]]
