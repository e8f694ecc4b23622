"""make device-kit: what is in the folder, where it comes from, what is replaced and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import on_device
import onnx
import pytest

from support import NAME, failed_in_one_line, run_verb
from todus import files, layout
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.converting import onnx as converting_onnx
from todus.converting import onnx_file, tflite, tflite_file, uff
from todus.device_kit import contents, kit, program
from todus.device_kit.naming import FORMATS
from todus.errors import UserError

from uff.schema import MetaGraph

LABELS = ["traffic light", "stop sign", "banana"]
ALWAYS = {"detect.py", "README.md", "labels.txt", "SHA256SUMS"}
SETUP = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"


@pytest.fixture(scope="module")
def said(model: layout.Model) -> str:
    """What the verb has said of a converted model."""
    tflite.convert(model)
    result = run_verb("device-kit", layout.Home(model.folder.parent.parent))
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def kits(model: layout.Model, said: str) -> dict[str, Path]:
    """The kit of each format."""
    converting_onnx.convert(model)
    uff.convert(model)
    for file_format in FORMATS:
        kit.make(model, file_format)
    return {file_format: model.device_kit(file_format) for file_format in FORMATS}


def test_it_ends_with_the_next_command(said: str) -> None:
    made, image, outputs, _, there, *commands, last = said.splitlines()
    assert made.startswith(f"made model/{NAME}/device-kit-tflite (") and "MB, " in made
    assert image == "  image: 96x96x3 RGB, float32, (pixel - 127.5) / 127.5" and outputs.startswith("  outputs: boxes")
    assert there.endswith("in device-kit-tflite/:")
    assert commands == [f"  {SETUP}", "  .venv/bin/python detect.py photo.jpg"]
    assert last == f"next: scp -r model/{NAME}/device-kit-tflite device:"


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


def test_the_readme_tells_the_commands_and_what_the_model_is(kits: dict[str, Path]) -> None:
    told = {file_format: (folder / "README.md").read_text(encoding="utf-8") for file_format, folder in kits.items()}
    for file_format in ("tflite", "onnx"):
        assert on_device.commands(kits[file_format]) == [SETUP, ".venv/bin/python detect.py photo.jpg"]
        assert "detect.py reads them from the model |" in told[file_format]
        assert "Its weights are those of model.ckpt-0. It was converted on 20" in told[file_format]
    build = f"trtexec --uff={NAME}.uff --uffInput=Input,3,96,96 --output=NMS --saveEngine={NAME}.engine"
    assert on_device.commands(kits["uff"]) == [
        f"PATH=$PATH:/usr/src/tensorrt/bin {build}",
        "python3 -m venv --system-site-packages .venv && PATH=$PATH:/usr/local/cuda/bin .venv/bin/pip install pycuda",
        ".venv/bin/python detect.py photo.jpg",
    ]
    assert "for TensorRT 8\n" in told["uff"] and "assumed" not in told["uff"] and "model.json |" in told["uff"]
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


def test_a_kit_is_written_anew_as_a_whole_and_nothing_else_is(model, kits: dict[str, Path], capsys) -> None:
    folder = kits["tflite"]
    pretend_it_is_of_before(folder)
    (folder / "requirements.txt").unlink()
    for name in ("__pycache__", ".venv"):
        (folder / name).mkdir()
    capsys.readouterr()
    kit.make(model, "tflite")
    assert "note: .venv went with the kit of before" in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {f"{NAME}.tflite", "requirements.txt", *ALWAYS}
    assert (folder / "labels.txt").read_text(encoding="utf-8").splitlines() == LABELS
    kit.make(model, "tflite")
    assert "note: .venv" not in capsys.readouterr().out

    (folder / "my photo.jpg").write_text("mine")
    with pytest.raises(UserError, match=r"holds what is not of a device kit \(my photo.jpg\); move it away"):
        kit.make(model, "tflite")
    assert (folder / "my photo.jpg").read_text() == "mine"
    (folder / "my photo.jpg").unlink()

    (folder / "detect.py").write_text("print('mine')\n")
    with pytest.raises(UserError, match=r"files that were changed since they were made \(detect.py\); move it away"):
        kit.make(model, "tflite")
    assert (folder / "detect.py").read_text() == "print('mine')\n"
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(UserError, match=r"is no device kit of Todus, it has no SHA256SUMS; move it away"):
        kit.make(model, "tflite")
    shutil.rmtree(folder)
    folder.write_text("a file")
    with pytest.raises(UserError, match="is in the way of the device kit"):
        kit.make(model, "tflite")
    folder.unlink()
    assert not list(model.folder.glob(".device-kit*"))


def pretend_it_is_of_before(folder: Path) -> None:
    """As if an earlier Todus had written another labels.txt."""
    sums, labels = folder / "SHA256SUMS", folder / "labels.txt"
    before = files.sha256(labels)
    labels.write_text("of before\n")
    sums.write_text(sums.read_text().replace(before, files.sha256(labels)))


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


def test_8_bits_that_tensorrt_does_not_take_are_refused(model: layout.Model, kits: dict[str, Path]) -> None:
    kept = model.onnx.read_bytes()
    whole = onnx.load(model.onnx)
    for entry in whole.metadata_props:
        entry.value = {"nms": '"tensorrt"', "is_quantized": "true"}.get(entry.key, entry.value)
    onnx.save(whole, model.onnx)
    with pytest.raises(UserError, match=r"in 8 bits of uint8, and TensorRT takes int8 only; run: make convert-onnx"):
        kit.make(model, "onnx")
    model.onnx.write_bytes(kept)


def test_of_plugins_of_tensorrt_5_the_commands_load_the_one_that_has_to_be_built(model, kits, tmp_path: Path) -> None:
    kept = model.uff.read_bytes()
    uff.convert(model, generation="trt5")
    kit.make(model, "uff")
    folder = kits["uff"]
    told, (build, _, detect) = (folder / "README.md").read_text(), on_device.commands(folder)
    assert told.startswith(f"# {NAME}, for TensorRT 5.1 and 6\n") and "copy it here first" in told
    assert detect == ".venv/bin/python detect.py --plugin ./libflattenconcat.so photo.jpg"
    assert "LD_PRELOAD=./libflattenconcat.so trtexec" in build
    # A stand-in, to see that the shell finds what lies where JetPack has it.
    (tmp_path / "trtexec").write_text('#!/bin/sh\necho "$LD_PRELOAD $*"\n')
    (tmp_path / "trtexec").chmod(0o755)
    there = build.replace("/usr/src/tensorrt/bin", str(tmp_path))
    ran = subprocess.run(["sh", "-c", there], capture_output=True, text=True, check=False)
    assert ran.stdout.startswith(f"./libflattenconcat.so --uff={NAME}.uff --uffInput=Input,3,96,96")
    model.uff.write_bytes(kept)


def test_what_a_script_of_the_user_s_makes_of_pixels_is_said_to_be_assumed(model, kits) -> None:
    kept = model.uff.read_bytes()
    meta = MetaGraph.FromString(kept)
    for node in meta.graphs[0].nodes:
        node.id = node.id.replace("AnchorInput", "Const")
    model.uff.write_bytes(meta.SerializeToString())
    kit.make(model, "uff")
    told = (kits["uff"] / "README.md").read_text()
    assert "That its pixels are 2 / 255 * x - 1 is assumed" in told and "pixels as your script leaves it" in told
    model.uff.write_bytes(kept)


def test_clean_model_leaves_kits_where_they_are(model, kits, tmp_path: Path) -> None:
    home = layout.Home(shutil.copytree(model.folder.parent.parent, tmp_path / "tree"))
    copied = home.model(NAME)
    assert run_verb("clean-model", home).returncode == 0
    assert all(copied.device_kit(file_format).is_dir() for file_format in FORMATS)
    for file_format in FORMATS:
        wanted = f"{NAME}.{file_format} is not there; run: make convert-{file_format}"
        assert failed_in_one_line(run_verb("device-kit", home, FORMAT=file_format), wanted)


def test_mistakes_are_one_line(model: layout.Model, said: str) -> None:
    home = layout.Home(model.folder.parent.parent)
    assert failed_in_one_line(run_verb("device-kit", home, FORMAT="pb"), "FORMAT (--format)", "'pb'", "tflite")
    assert failed_in_one_line(run_verb("device-kit", home, MODEL="other"), "other is not prepared")
