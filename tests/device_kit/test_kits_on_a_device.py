"""The kits for TensorFlow Lite and ONNX, run in an environment without Todus and TensorFlow: what they find is what
Todus's own detectors find with the same file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import on_device
import pytest

from todus import layout
from todus.converting import onnx, tflite
from todus.converting.onnx_facts import Form
from todus.device_kit import kit, program
from todus.evaluation import detectors
from todus.exporting import tflite_graph
from todus.exporting.tflite_graph import Settings

FLOAT, EIGHT_BITS = 1e-3, 2 / 256  # how far scores may be apart
LEAST = 0.02  # scores below are those of the background, a crowd where overlaps decide by their last digit


def tflite_kit(model: layout.Model, kind: str = "float32", suppression: str = "fast") -> Path:
    tflite_graph.export(model, "", Settings(suppression))
    tflite.convert(model, kinds=[kind])
    kit.make(model, "tflite")
    return model.device_kit("tflite")


def onnx_kit(model: layout.Model, form: Form) -> Path:
    onnx.convert(model, form=form)
    return kit_of_onnx(model, model.onnx)


def kit_of_onnx(model: layout.Model, converted: Path) -> Path:
    if converted != model.onnx:
        shutil.copyfile(converted, model.onnx)
    kit.make(model, "onnx")
    return model.device_kit("onnx")


KITS = {
    "tflite float32": (lambda model, _: tflite_kit(model), FLOAT),
    "tflite int8": (lambda model, _: tflite_kit(model, kind="int8"), EIGHT_BITS),
    "tflite each class by itself": (lambda model, _: tflite_kit(model, suppression="regular"), FLOAT),
    "tflite raw heads": (lambda model, _: tflite_kit(model, suppression="none"), FLOAT),
    "onnx uint8 nhwc": (lambda model, _: onnx_kit(model, Form()), FLOAT),
    "onnx float nchw, no suppression": (kit_of_onnx, FLOAT),
    "onnx of any size": (lambda model, _: onnx_kit(model, Form(preprocess=True, batch="dynamic")), FLOAT),
}


@pytest.mark.parametrize("name", KITS)
def test_it_finds_what_todus_finds(
    name: str, model: layout.Model, raw_onnx: Path, photos: list[Path], device: Path, tmp_path: Path
) -> None:
    make, tolerance = KITS[name]
    folder = shutil.copytree(make(model, raw_onnx), tmp_path / "copied to the device")
    result = on_device.run(device, folder, "--json", "--threshold", 0, *photos)
    assert result.returncode == 0, result.stderr
    found = on_device.found_by(result.stdout)
    (file,) = (path for path in folder.iterdir() if path.suffix in (".tflite", ".onnx"))
    detector = (detectors.from_tflite if file.suffix == ".tflite" else detectors.from_onnx)(file)
    wanted = detector.detect([on_device.upright(photo) for photo in photos])
    detector.close()
    for photo, ours, theirs in zip(photos, found, wanted, strict=True):
        for what, these, those in (("only on the device", ours, theirs), ("only in Todus", theirs, ours)):
            told = on_device.missing(these, those, tolerance, LEAST)
            assert not told, f"{photo.name}, {what}: {told[:3]}"
        assert (np.diff(ours.scores) <= 0).all()
    assert sum((each.scores > LEAST).sum() for each in wanted) > 3 * len(photos), "or this proves little"
    assert len({round(float(each.scores[0]), 4) for each in wanted}) > 3


@pytest.fixture(scope="module")
def folder(model: layout.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(tflite_kit(model), tmp_path_factory.mktemp("kit") / "kit")


def test_the_environment_has_neither_todus_nor_tensorflow(device: Path, folder: Path) -> None:
    code = "import importlib.util as u; print([u.find_spec(n) for n in ('todus', 'tensorflow', 'object_detection')])"
    (folder / "detect.py").rename(folder / "kept.py")
    (folder / "detect.py").write_text(code)
    assert on_device.run(device, folder).stdout.strip() == "[None, None, None]"
    (folder / "kept.py").replace(folder / "detect.py")


def test_a_line_tells_each_detection_in_pixels(device: Path, folder: Path, photos: list[Path]) -> None:
    photo = next(path for path in photos if path.name == "large.png")
    result = on_device.run(device, folder, photo, "--threshold", 0.05, "--threads", 1)
    assert result.returncode == 0, result.stderr
    first, *lines = result.stdout.splitlines()
    assert first.startswith(f"{photo}: 1733x1200, {len(lines)} found, ") and first.endswith(" ms") and lines
    told = json.loads(on_device.run(device, folder, photo, "--threshold", 0.05, "--json").stdout)
    best = told["detections"][0]
    x, y, width, height = best["bbox"]
    place = f"{x:.0f},{y:.0f} to {x + width:.0f},{y + height:.0f}"
    assert lines[0] == f"  {best['category']} {best['score']:.2f}, {place}"
    assert told["milliseconds"] > 0 and max(width, height) > 20


def test_a_bad_image_is_told_and_the_others_are_seen(
    device: Path, folder: Path, photos: list[Path], tmp_path: Path
) -> None:
    cut_off, text = tmp_path / "cut off.png", tmp_path / "text.jpg"
    cut_off.write_bytes(photos[0].read_bytes()[:900])
    text.write_text("no image")
    bad = [cut_off, text, tmp_path / "not there.jpg", tmp_path]
    result = on_device.run(device, folder, photos[0], *bad, photos[1], "--json")
    assert result.returncode == 1
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["image"] for each in told] == [str(path) for path in (photos[0], *bad, photos[1])]
    assert ["error" in each for each in told] == [False, True, True, True, True, False]
    complaints = [line for line in result.stderr.splitlines() if line.startswith("detect.py: ")]
    assert len(complaints) == len(bad) and "Traceback" not in result.stderr
    assert complaints[2] == f"detect.py: {bad[2]}: No such file or directory"


def test_pictures_are_drawn_and_no_image_is_written_over(
    device: Path, folder: Path, photos: list[Path], tmp_path: Path
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    given = [shutil.copy(photos[0], tmp_path / place) for place in ("one/a.png", "other/a.png", "other/a-detected.jpg")]
    before = [Path(path).read_bytes() for path in given]
    result = on_device.run(device, folder, *given, "--threshold", 0.02, "--draw", tmp_path / "other")
    assert result.returncode == 0, result.stderr
    assert [Path(path).read_bytes() for path in given] == before
    drawn = {path.name for path in (tmp_path / "other").iterdir()} - {"a.png", "a-detected.jpg"}
    assert drawn == {"a-detected-2.jpg", "a-detected-3.jpg", "a-detected-detected.jpg"}
    before, after = on_device.upright(photos[0]), on_device.upright(tmp_path / "other" / "a-detected-2.jpg")
    assert after.shape == before.shape
    assert orange(after) > orange(before) + 200, "frames"


def test_what_hinders_it_is_one_line(device: Path, folder: Path, photos: list[Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(folder / "detect.py", empty)
    assert one_line(on_device.run(device, empty, photos[0])) == (
        "detect.py: .tflite file is not there; copy it there, or name one with --model"
    )
    (empty / "half.tflite").write_bytes(next(folder.glob("*.tflite")).read_bytes()[:1000])
    assert "half.tflite: " in one_line(on_device.run(device, empty, photos[0]))
    for name in ("tensorrt", "uff"):
        (empty / "detect.py").write_text(program.text(f"detect_{name}"))
        told = one_line(on_device.run(device, empty, photos[0]))
        assert told.startswith("detect.py: No module named '") and told.endswith("; README.md says what to install")


def test_a_threshold_is_a_share(device: Path, folder: Path) -> None:
    for wrong in ("3", "-1", "high", "nan"):
        result = on_device.run(device, folder, "photo.jpg", f"--threshold={wrong}")
        assert result.returncode == 2
        assert result.stderr.splitlines()[-1].endswith(f"--threshold: {wrong} is not a number from 0 to 1")


def orange(picture: np.ndarray) -> int:
    """How many pixels have about the colour of the frames."""
    return int((np.abs(picture.astype(int) - [255, 64, 0]).sum(axis=2) < 120).sum())


def one_line(result) -> str:
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    return line
