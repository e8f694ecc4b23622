"""make device-kit: what is in the folder, where it comes from, what is replaced and what is refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from support import NAME, failed_in_one_line, run_verb
from todus import layout
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.converting import onnx_file, tflite_file
from todus.device_kit import contents, kit, program, requirements
from todus.device_kit.naming import FORMATS
from todus.errors import UserError

LABELS = ["traffic light", "stop sign", "banana"]
ALWAYS = {"detect.py", "README.md", "labels.txt"}


@pytest.fixture(scope="module")
def said(model: layout.Model) -> str:
    """What the verb has said of a model of which nothing was converted before."""
    result = run_verb("device-kit", layout.Home(model.folder.parent.parent))
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def kits(model: layout.Model, said: str) -> dict[str, Path]:
    """The kit of each format."""
    for file_format in FORMATS:
        kit.make(model, file_format)
    return {file_format: model.device_kit(file_format) for file_format in FORMATS}


def test_it_converts_what_is_missing_and_ends_with_the_next_command(said: str) -> None:
    first, *_, made, last = said.splitlines()
    assert first.startswith(f"model/{NAME}/{NAME}.tflite is not there yet, so this comes first: make convert-tflite")
    assert made.startswith(f"made model/{NAME}/device-kit-tflite (") and "MB, " in made
    assert last.startswith(f"next: scp -r model/{NAME}/device-kit-tflite device:")
    assert last.endswith("in device-kit-tflite/: pip install -r requirements.txt && python detect.py photo.jpg")


def test_a_kit_has_the_model_as_it_was_converted_and_all_that_runs_it(model, kits: dict[str, Path]) -> None:
    for file_format, folder in kits.items():
        runtime = {"requirements.txt"} if file_format in ("tflite", "onnx") else {"model.json"}
        assert {path.name for path in folder.iterdir()} == {f"{NAME}.{file_format}", *ALWAYS, *runtime}
        converted = (model.folder / f"{NAME}.{file_format}").read_bytes()
        assert (folder / f"{NAME}.{file_format}").read_bytes() == converted
        assert (folder / "labels.txt").read_text(encoding="utf-8").splitlines() == LABELS
        assert (folder / "detect.py").read_text(encoding="utf-8") == program.text(f"detect_{file_format}")
    described = json.loads((kits["uff"] / "model.json").read_text(encoding="utf-8"))
    assert described["labels"] == LABELS and (described["height"], described["resize"]) == (96, "BILINEAR")
    assert described["mean"] == described["deviation"] == [127.5] * 3


def test_the_readme_tells_the_two_commands_and_what_the_model_is(kits: dict[str, Path]) -> None:
    told = {file_format: (folder / "README.md").read_text(encoding="utf-8") for file_format, folder in kits.items()}
    for file_format in ("tflite", "onnx"):
        assert "\n\n    pip install -r requirements.txt\n    python detect.py photo.jpg\n\n" in told[file_format]
        assert "Its weights are those of model.ckpt-0. It was converted on 20" in told[file_format]
    build = f"trtexec --uff={NAME}.uff --uffInput=Input,3,96,96 --output=NMS --saveEngine={NAME}.engine"
    assert f"\n\n    {build}\n    python3 detect.py photo.jpg\n\n" in told["uff"]
    assert "was not run on one" in told["uff"] and "was not run" not in told["tflite"]
    assert "- image: 96x96x3 RGB, float32, (pixel - 127.5) / 127.5\n" in told["tflite"]
    assert "- image: uint8, pixels as they are, [1, 96, 96, 3], RGB\n" in told["onnx"]
    assert "- input Input: 3x96x96 (channels first), RGB, pixels as 2 / 255 * x - 1\n" in told["uff"]
    for text in told.values():
        assert "It detects 3 categories: traffic light, stop sign, banana." in text
        assert "Made by Todus 0." in text and "??" not in text
        assert max(len(line) for line in text.splitlines() if line[:1] not in "- |") <= 120


def test_packages_are_pinned_as_todus_pins_its_own(kits: dict[str, Path]) -> None:
    own = (layout.CHECKOUT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for file_format, runtime in (("tflite", "ai-edge-litert"), ("onnx", "onnxruntime")):
        lines = (kits[file_format] / "requirements.txt").read_text(encoding="utf-8").splitlines()
        assert set(lines) <= set(own)
        assert {line.split("==")[0] for line in lines} == {"numpy", "pillow", runtime}
    assert requirements.pinned("pillow", "tqdm")[0].startswith("pillow==")


def test_a_kit_is_written_anew_as_a_whole_and_nothing_else_is(model: layout.Model, kits: dict[str, Path]) -> None:
    folder = kits["tflite"]
    (folder / "labels.txt").write_text("of before\n")
    (folder / "requirements.txt").unlink()
    (folder / "__pycache__").mkdir()
    kit.make(model, "tflite")
    assert (folder / "labels.txt").read_text(encoding="utf-8").splitlines() == LABELS
    assert (folder / "requirements.txt").is_file() and not (folder / "__pycache__").exists()

    (folder / "my photo.jpg").write_text("mine")
    with pytest.raises(UserError, match=r"holds what is not of a device kit \(my photo.jpg\); move that away"):
        kit.make(model, "tflite")
    assert (folder / "my photo.jpg").read_text() == "mine"
    (folder / "my photo.jpg").unlink()

    (folder / "README.md").write_text("# Mine\n")
    with pytest.raises(UserError, match=r"is no device kit of Todus, by its README.md; move it away"):
        kit.make(model, "tflite")
    shutil.rmtree(folder)
    folder.write_text("a file")
    with pytest.raises(UserError, match="is in the way of the device kit"):
        kit.make(model, "tflite")
    folder.unlink()
    assert not list(model.folder.glob(".device-kit*"))


def test_a_failing_disk_leaves_the_kit_of_before(model, kits: dict[str, Path], monkeypatch) -> None:
    kit.make(model, "onnx")
    before = (kits["onnx"] / "README.md").read_text(encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kit.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        kit.make(model, "onnx")
    assert (kits["onnx"] / "README.md").read_text(encoding="utf-8") == before
    assert not list(model.folder.glob(".device-kit*"))


def test_what_is_of_an_older_checkpoint_is_told(model: layout.Model, kits: dict[str, Path], capsys) -> None:
    for path in model.training.glob("model.ckpt-0.*"):
        shutil.copyfile(path, path.with_name(path.name.replace("ckpt-0", "ckpt-7")))
    for file_format in ("tflite", "onnx"):
        kit.make(model, file_format)
        said = capsys.readouterr().out
        assert f"note: {NAME}.{file_format} is of model.ckpt-0, the newest checkpoint is model.ckpt-7; see make" in said
    kit.make(model, "uff")
    assert f"note: {NAME}.uff is older than the newest checkpoint, model.ckpt-7; see make" in capsys.readouterr().out
    for path in model.training.glob("model.ckpt-7.*"):
        path.unlink()


def test_what_is_of_other_categories_is_refused(model: layout.Model, kits: dict[str, Path]) -> None:
    shutil.copy(model.label_map, model.folder / "kept.pbtxt")
    label_map.write(model.label_map, LabelMap({1: "traffic light", 2: "stop sign", 3: "zebra"}))
    for file_format in FORMATS:
        with pytest.raises(UserError, match=r"was made for .*banana, the model is now for .*zebra; run: make convert"):
            kit.make(model, file_format)
    (model.folder / "kept.pbtxt").replace(model.label_map)


def test_a_uff_file_without_its_labels_is_refused(model: layout.Model, kits: dict[str, Path]) -> None:
    model.converted_labels.write_text("traffic light\nstop sign\n")
    with pytest.raises(UserError, match=rf"labels.txt names 2 classes and {NAME}.uff has 3; run: make convert-uff"):
        kit.make(model, "uff")
    model.converted_labels.unlink()
    with pytest.raises(UserError, match=r"labels.txt, which names the classes, is not there"):
        kit.make(model, "uff")
    model.converted_labels.write_text("".join(f"{label}\n" for label in LABELS))
    whole = model.uff.read_bytes()
    model.uff.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"is no .uff file, or half of one"):
        kit.make(model, "uff")
    model.uff.write_bytes(whole)


def test_images_that_the_programs_cannot_resize_are_refused(model: layout.Model, kits: dict[str, Path]) -> None:
    text = model.pipeline.read_text(encoding="utf-8")
    model.pipeline.write_text(text.replace("width: 96", "width: 96 resize_method: BICUBIC"), encoding="utf-8")
    with pytest.raises(UserError, match=r"resizes its images by BICUBIC, .* only by BILINEAR or NEAREST_NEIGHBOR"):
        kit.make(model, "uff")
    model.pipeline.write_text(text, encoding="utf-8")
    kit.make(model, "uff")
    with pytest.raises(UserError, match=r"AREA.*PREPROCESS=1"):
        contents.require_known_resize("AREA", "; or convert with PREPROCESS=1")


def test_a_file_that_is_not_of_todus_is_refused(model: layout.Model, kits: dict[str, Path]) -> None:
    whole = model.tflite.read_bytes()
    with zipfile.ZipFile(model.tflite) as archive:
        begin = min(entry.header_offset for entry in archive.infolist())
    model.tflite.write_bytes(whole[:begin])
    assert tflite_file.facts_in(model.tflite) is None
    with pytest.raises(UserError, match=r"is not of Todus, so nobody knows what it takes; run: make convert-tflite"):
        kit.make(model, "tflite")
    model.tflite.write_bytes(whole)
    assert onnx_file.load(model.onnx)[1].labels == LABELS


def test_mistakes_are_one_line(model: layout.Model, said: str) -> None:
    home = layout.Home(model.folder.parent.parent)
    assert failed_in_one_line(run_verb("device-kit", home, FORMAT="pb"), "FORMAT (--format)", "'pb'", "tflite")
    assert failed_in_one_line(run_verb("device-kit", home, MODEL="other"), "other is not prepared")
