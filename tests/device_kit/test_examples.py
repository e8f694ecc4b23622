"""The programs of device kits as such: their form, and that they resize images as TensorFlow 1 does."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import on_device
import pytest
from PIL import Image

from todus.converting.resizer import Resizer
from todus.device_kit import contents, program, requirements

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
def test_an_input_of_tensorflow_lite_is_filled_by_its_definition(kind: type, scale: float, zero_point: int) -> None:
    program = on_device.example("tflite").Detector
    detector = program.__new__(program)
    detector.facts = {"mean": [127.5] * 3, "deviation": [127.5] * 3}
    detector.input = {"dtype": kind, "quantization": (scale, zero_point)}
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 40, 40, 3)).astype(np.float32)
    filled = detector.prepared(pixels)
    assert filled.dtype == kind and len(np.unique(filled)) > 100
    if not scale:
        np.testing.assert_allclose(filled, (pixels.astype(np.float64) - 127.5) / 127.5, atol=1e-6)
        return
    limits = np.iinfo(kind)
    is_of_pixels = scale == 1 / 127.5
    exact = pixels.astype(np.float64) + limits.min if is_of_pixels else (pixels - 127.5) / 127.5 / scale + zero_point
    assert np.abs(filled - np.clip(exact, limits.min, limits.max)).max() < 0.501


def test_pixels_of_8_bits_are_rounded_as_todus_does_it() -> None:
    facts = {"preprocess": False, "height": 2, "width": 2, "resize": "BILINEAR", "input": "uint8"}
    image = np.array([[0, 1, 4], [1, 2, 5], [9, 9, 9]], np.uint8)[:, :, np.newaxis].repeat(3, axis=2)
    for layout_of_image, channel in (("nhwc", np.s_[:, :, 0]), ("nchw", np.s_[0])):
        prepared = on_device.example("onnx").prepared(image, {**facts, "layout": layout_of_image})
        # At 0 and 1.5 of both axes: halves are rounded up.
        assert prepared.dtype == np.uint8 and prepared[channel].tolist() == [[0, 3], [5, 6]]


def test_what_scores_less_than_is_asked_for_is_not_compared_and_changes_nothing(monkeypatch) -> None:
    program, random = on_device.example("onnx"), np.random.default_rng(0)
    corners = random.uniform(0, 0.8, (500, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + random.uniform(0.1, 0.2, (500, 2)).astype(np.float32)], axis=1)
    scores = random.uniform(0, 1, (500, 3)).astype(np.float32)
    facts = {"score_threshold": 1e-8, "iou_threshold": 0.6, "max_per_class": 400, "max_detections": 1200}
    least = float(scores[7, 1])  # which itself is asked for
    whole = program.suppressed(boxes, scores, facts)
    compared, overlaps = [], program.overlaps
    monkeypatch.setattr(program, "overlaps", lambda box, others: compared.append(1) or overlaps(box, others))
    few = program.suppressed(boxes, scores, facts, least)
    is_asked_for = whole[2] >= np.float32(least)
    assert 0 < is_asked_for.sum() < len(whole[2]) and np.float32(least) in whole[2]
    for ours, theirs in zip(few, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs[is_asked_for])
    assert len(compared) == is_asked_for.sum()


def test_grey_of_16_bits_is_the_same_in_older_versions_of_pillow() -> None:
    program = on_device.example("tflite")
    shades = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    now, before = Image.fromarray(shades), Image.fromarray(shades.astype(np.int32))
    assert (now.mode, before.mode) == ("I;16", "I")
    for image in (now, before):
        assert np.asarray(program.in_rgb(image, "PNG"))[:, :, 0].tolist() == (shades >> 8).tolist()


class Failing:
    """A detector that cannot take images of some width."""

    labels: ClassVar = ["dog"]

    def __init__(self, width: int):
        self.width = width

    def __call__(self, image: np.ndarray) -> tuple:
        if image.shape[1] == self.width:
            raise RuntimeError("the GPU's memory\nis full")
        return np.zeros((0, 4), np.float32), np.zeros(0, int), np.zeros(0, np.float32)

    @staticmethod
    def add_options(_: argparse.ArgumentParser) -> None:
        pass


def test_what_fails_while_detecting_is_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    for width in (50, 60):
        Image.new("RGB", (width, 40)).save(tmp_path / f"{width}.png")
    (tmp_path / "x.tflite").touch()
    program, images = on_device.example("tflite"), [str(tmp_path / f"{width}.png") for width in (50, 60)]
    monkeypatch.setattr("sys.argv", ["detect.py", *images, "--model", str(tmp_path / "x.tflite")])

    def run(width: int) -> int:
        kind = type("Detector", (Failing,), {"__init__": lambda self, _: Failing.__init__(self, width)})
        return program.main(kind, ".tflite", "")

    assert run(50) == 1
    told = capsys.readouterr()
    assert told.err == f"detect.py: {images[0]}: the GPU's memory is full\n"
    assert told.out.startswith(f"{images[1]}: 60x40, 0 found")
    with pytest.raises(SystemExit, match=r"x.tflite: the GPU's memory is full"):
        run(32)  # of the image to warm up with


def test_a_package_without_a_pin_is_an_error() -> None:
    assert requirements.pinned("pillow", "tqdm")[0].startswith("pillow==")
    with pytest.raises(LookupError, match="pillo has no pin"):
        requirements.pinned("numpy", "pillo")
