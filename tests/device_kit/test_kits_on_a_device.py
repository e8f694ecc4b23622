"""The kits for TensorFlow Lite and ONNX, run in an environment without Todus and TensorFlow: what they find is what
Todus's own detectors find with the same file."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import on_device
import onnx as onnx_format
import pytest

from todus import layout
from todus.converting import onnx, tflite
from todus.converting.onnx_facts import Form
from todus.device_kit import kit, program
from todus.evaluation import detectors
from todus.exporting import tflite_graph
from todus.exporting.tflite_graph import Settings

FLOAT = 1e-3  # how far scores may be apart
EIGHT_BITS = "tflite int8, raw heads"  # where many scores and overlaps are alike, and a pixel decides which is better
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
    EIGHT_BITS: (lambda model, _: tflite_kit(model, kind="int8", suppression="none"), 2 / 256),
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
    told = []
    for photo, ours, theirs in zip(photos, found, wanted, strict=True):
        for what, these, those in (("only on the device", ours, theirs), ("only in Todus", theirs, ours)):
            told += [f"{photo.name}, {what}: {line}" for line in on_device.missing(these, those, tolerance, LEAST)]
        assert (np.diff(ours.scores) <= 0).all()
    count = sum((each.scores > LEAST).sum() for each in wanted)
    assert len(told) <= (0.03 * count if name == EIGHT_BITS else 0), told[:5]
    assert count > 3 * len(photos), "or this proves little"
    assert len({round(float(each.scores[0]), 4) for each in wanted}) > 3


@pytest.fixture(scope="module")
def folder(plain_kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(plain_kit, tmp_path_factory.mktemp("kit") / "kit")


def test_the_readme_s_commands_run_as_they_stand(device: Path, folder: Path, photos: list[Path]) -> None:
    there = device.parents[2]  # where the first of them was run
    shutil.copytree(folder, there, dirs_exist_ok=True)
    shutil.copy(photos[0], there / "photo.jpg")
    setup, detect = on_device.commands(folder)
    assert setup == "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
    check = "sha256sum --check --quiet SHA256SUMS"
    for command in (check, detect):
        run = subprocess.run(["bash", "-c", command], cwd=there, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("photo.jpg: ")


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
    earlier = (tmp_path / "other" / "a-detected-2.jpg").read_bytes()
    assert on_device.run(device, folder, given[0], "--draw", tmp_path / "other").returncode == 0
    assert (tmp_path / "other" / "a-detected-2.jpg").read_bytes() == earlier
    assert (tmp_path / "other" / "a-detected-4.jpg").is_file()
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
    model = next(folder.glob("*.tflite"))
    with zipfile.ZipFile(model) as archive:
        (empty / "half.tflite").write_bytes(model.read_bytes()[: min(i.header_offset for i in archive.infolist())])
    assert one_line(on_device.run(device, empty, photos[0])) == (
        f"detect.py: {empty / 'half.tflite'}: it does not tell labels; it is no model that Todus converted, or of "
        "another version"
    )
    told = one_line(on_device.run(device, folder, photos[0], "--draw", photos[0] / "drawn"))
    assert told == f"detect.py: --draw {photos[0] / 'drawn'}: Not a directory"
    for name in ("tensorrt", "uff"):
        (empty / "detect.py").write_text(program.text(f"detect_{name}"))
        told = one_line(on_device.run(device, empty, photos[0]))
        assert told.startswith("detect.py: No module named '") and told.endswith(
            "; README.md says what to install; then: .venv/bin/python detect.py"
        )


def test_a_threshold_is_a_share(device: Path, folder: Path) -> None:
    for wrong in ("3", "-1", "high", "nan"):
        result = on_device.run(device, folder, "photo.jpg", f"--threshold={wrong}")
        assert result.returncode == 2
        assert result.stderr.splitlines()[-1].endswith(f"--threshold: {wrong} is not a number from 0 to 1")
    result = on_device.run(device, folder, "photo.jpg", "--threads", 0)
    assert result.returncode == 2 and result.stderr.splitlines()[-1].endswith("0 is not a whole number of at least 1")


def test_an_onnx_file_of_others_is_one_line_and_more_metadata_is_no_matter(
    device: Path, raw_onnx: Path, photos: list[Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(raw_onnx.with_name("device-kit-onnx"), tmp_path / "kit")
    (path,) = folder.glob("*.onnx")
    whole = onnx_format.load(path)
    whole.metadata_props.add(key="author", value="me, and no JSON")
    onnx_format.save(whole, path)
    assert on_device.run(device, folder, photos[0], "--threshold", "1e-3").returncode == 0
    del whole.metadata_props[:]
    onnx_format.save(whole, path)
    told = one_line(on_device.run(device, folder, photos[0]))
    assert told.startswith(f"detect.py: {path}: it does not tell labels; it is no model that Todus converted")


def orange(picture: np.ndarray) -> int:
    """How many pixels have about the colour of the frames."""
    return int((np.abs(picture.astype(int) - [255, 64, 0]).sum(axis=2) < 120).sum())


def one_line(result) -> str:
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    return line
