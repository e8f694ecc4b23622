"""make detect on the little model: images of every kind, what is wrong with some, videos, and JSON for programs."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from support import NAME, failed_in_one_line, run_verb, verb_environment
from todus import layout
from todus.converting import tflite
from todus.detecting import detect, video
from todus.errors import UserError, WorldError
from todus.evaluation import graphs, scoring
from todus.evaluation.detectors import tflite as tflite_detector
from todus.exporting import inference_graph

ALL = ("--threshold", "0")  # the little model is sure of nothing


@pytest.fixture(scope="module")
def tree(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Home:
    """A prepared model, exported and converted."""
    home = layout.Home(tmp_path_factory.mktemp("detect") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    inference_graph.export(home.model(NAME), "")
    tflite.convert(home.model(NAME))
    return home


@pytest.fixture(scope="module")
def images(tree: layout.Home) -> list[Path]:
    return sorted(tree.raw_data.images("val").glob("*.jpg"))


@pytest.fixture
def run(tree: layout.Home, capsys: pytest.CaptureFixture) -> Callable[..., tuple[str, str]]:
    """`run(image, ...)` is the command, in this process; what it said on stdout and on stderr."""

    def run(image: Path, *options: str) -> tuple[str, str]:
        capsys.readouterr()
        detect.main(["--model-dir", str(tree.model(NAME).folder), "--image", str(image), *options])
        return capsys.readouterr()

    return run


def objects(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def odd_images(folder: Path, images: list[Path]) -> Path:
    """What a folder of anybody's can hold."""
    (folder / "deep").mkdir(parents=True)
    first = Image.open(images[0]).convert("RGB")
    first.save(folder / "plain.jpg")
    first.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "deep" / "plain.jpg")
    first.convert("L").save(folder / "grey.png")
    grey = np.asarray(first.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(folder / "grey of 16 bits.png")
    Image.new("RGB", (1, 1)).save(folder / "one.png")
    first.resize((4000, 3000)).save(folder / "large.jpg")
    first.convert("RGBA").save(folder / "clear.png")
    (folder / "broken.jpg").write_bytes(images[0].read_bytes()[:1000])
    (folder / "text.png").write_text("no picture")
    (folder / "notes.txt").write_text("passed over")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    first.transpose(Image.Transpose.ROTATE_90).save(folder / "turned.png", exif=exif)
    first.save(folder / "upright.png")
    return folder


def test_nothing_in_a_folder_stops_the_rest(tree: layout.Home, images: list[Path], tmp_path: Path) -> None:
    photos = odd_images(tmp_path / "photos", images)
    before = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    result = run_verb("detect", tree, IMAGE=str(photos), GRAPH="exported", THRESHOLD="0.05")
    assert result.returncode == 1, result
    assert result.stderr == "todus: 2 of 11 failed; the reasons are above\n"
    said = result.stdout.splitlines()
    assert said[0] == "detecting with exported (model.ckpt-0) in 11 images; 1 other file passed over"
    assert f"{photos}/broken.jpg: failed, cut off" in said
    assert f"{photos}/text.png: failed, no whole JPEG, PNG, BMP, WebP, GIF or TIFF image" in said
    per_image = [line for line in said if line.startswith(str(photos)) and line.endswith(" ms)")]
    assert len(per_image) == 9
    assert any(line.startswith("9 images; found with scores from 0.05: ") for line in said)
    drawn = tree.model(NAME).detected
    made = {str(path.relative_to(drawn)): Image.open(path).size for path in drawn.rglob("*") if path.is_file()}
    assert made.pop("large.jpg") == (4000, 3000) and made.pop("one.png") == (320, 320)
    assert made.keys() == {
        *("plain.jpg", "deep/plain.jpg", "grey.png", "grey of 16 bits.png", "clear.png", "turned.png", "upright.png")
    }
    assert (drawn / "plain.jpg").read_bytes() != (drawn / "deep" / "plain.jpg").read_bytes()
    assert {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()} == before


def test_a_turned_image_has_the_boxes_of_the_upright_one(run, images: list[Path], tmp_path: Path) -> None:
    photos = odd_images(tmp_path / "photos", images)
    for name in ("broken.jpg", "text.png", "large.jpg"):
        (photos / name).unlink()
    said, _ = run(photos, "--graph", "exported", "--json", *ALL)
    by_name = {Path(one["image"]).name: one for one in objects(said)}
    turned, upright = by_name["turned.png"], by_name["upright.png"]
    assert upright["detections"], "proves nothing"
    for key in ("width", "height", "detections"):
        assert turned[key] == upright[key]
    assert by_name["grey of 16 bits.png"]["detections"] == by_name["grey.png"]["detections"]
    assert by_name["clear.png"]["detections"] == upright["detections"]
    assert (by_name["one.png"]["width"], by_name["one.png"]["height"]) == (1, 1)


@pytest.mark.parametrize("graph", ["", "exported", "tflite"])
def test_json_has_the_detections_of_the_evaluation(run, tree: layout.Home, images: list[Path], graph: str) -> None:
    detector = graphs.find(tree.model(NAME), graph).open()
    pixels = np.asarray(Image.open(images[0]).convert("RGB"))
    (found,) = detector.detect([pixels])
    detector.close()
    height, width = pixels.shape[:2]
    wanted = scoring.to_results(1, width, height, found, detector.label_map.ids)
    names = detector.label_map.names

    said, other = run(images[0], "--json", "--graph", graph, *ALL)
    (one,) = objects(said)
    assert (one["image"], one["width"], one["height"]) == (str(images[0]), width, height)
    assert one["milliseconds"] > 0 and wanted
    assert [(d["category"], d["score"], d["bbox"]) for d in one["detections"]] == [
        (names[result["category_id"]], pytest.approx(result["score"]), pytest.approx(result["bbox"], abs=1e-3))
        for result in wanted
    ]
    assert "1 image; found" in other and "next: make eval" in other


def test_with_json_images_are_drawn_only_where_asked(run, tree: layout.Home, images: list[Path], tmp_path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(images[0], tmp_path / "in" / "photo.jpg")
    (tmp_path / "in" / "text.jpg").write_text("no picture")
    shutil.rmtree(tree.model(NAME).detected, ignore_errors=True)
    for options, made in (((), []), (("--output", str(tmp_path / "out")), [tmp_path / "out" / "photo.jpg"])):
        with pytest.raises(WorldError, match="1 of 2 failed"):
            run(tmp_path / "in", "--json", "--graph", "exported", *options)
        assert list((tmp_path / "out").rglob("*")) == made
    assert not tree.model(NAME).detected.exists()


def test_what_failed_is_an_object_too(run, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(WorldError):
        run(tmp_path / "text.jpg", "--json", "--graph", "exported")
    said, other = capsys.readouterr()
    (one,) = objects(said)
    assert one.keys() == {"image", "error"} and one["image"] == str(tmp_path / "text.jpg")
    assert f"{tmp_path}/text.jpg: failed, {one['error']}" in other


def test_an_image_that_cannot_be_written_is_one_object(run, images: list[Path], tmp_path: Path, capsys) -> None:
    (tmp_path / "in").mkdir()
    for name in (f"{251 * 'a'}.png", "b.jpg"):
        shutil.copy(images[0], tmp_path / "in" / name)
    with pytest.raises(WorldError, match="1 of 2 failed"):
        run(tmp_path / "in", "--json", "--graph", "exported", "--output", str(tmp_path / "out"))
    said, other = capsys.readouterr()
    first, second = objects(said)
    assert first.keys() == {"image", "error"} and first["error"].endswith("its name is too long")
    assert second["image"] == str(tmp_path / "in" / "b.jpg") and "detections" in second
    assert "1 image; found" in other


def test_the_interpreter_that_is_warm_runs_again(tree: layout.Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    class Noted(tflite_detector.Runner):
        def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
            ran.append(self)
            return super().__call__(pixels)

    monkeypatch.setattr(tflite_detector, "Runner", Noted)
    path = tree.model(NAME).folder / f"{NAME}.tflite"
    with contextlib.closing(tflite_detector.open_detector(path, interpreters=3)) as detector:
        for _ in range(3):
            detector.detect([np.zeros((32, 32, 3), np.uint8)])
    assert len(ran) == 3 and len(set(map(id, ran))) == 1


def test_only_scores_from_the_threshold_up_are_shown(run, images: list[Path], tmp_path: Path) -> None:
    (everything,) = objects(run(images[0], "--json", "--graph", "exported", *ALL)[0])
    scores = [one["score"] for one in everything["detections"]]
    middle = scores[len(scores) // 2]
    (some,) = objects(run(images[0], "--json", "--graph", "exported", "--threshold", str(middle))[0])
    assert some["detections"] == [one for one in everything["detections"] if one["score"] >= middle]
    assert 0 < len(some["detections"]) < len(scores)


@pytest.fixture(scope="module")
def film(images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of the validation images."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    frames = [np.asarray(Image.open(image).convert("RGB").resize((160, 128))) for image in images]
    with contextlib.closing(video.VideoWriter(path, 20.0)) as writer:
        for number in range(200):
            writer.write(frames[number // 20])
    return path


@pytest.fixture(scope="module")
def short_film(film: Path) -> Path:
    """Its beginning."""
    path = film.with_name("short.mp4")
    with contextlib.closing(video.VideoReader(film)) as reader:
        frames = list(reader)[:8]
    with contextlib.closing(video.VideoWriter(path, reader.rate)) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def test_a_video_keeps_its_rate_and_size(run, tree: layout.Home, short_film: Path, tmp_path: Path) -> None:
    said, _ = run(short_film, "--graph", "exported", "--threshold", "0.01", "--output", str(tmp_path))
    with contextlib.closing(video.VideoReader(tmp_path / "short.mp4")) as reader:
        frames = list(reader)
    with contextlib.closing(video.VideoReader(short_film)) as reader:
        originals = list(reader)
    assert (reader.rate, len(frames), frames[0].shape) == (20.0, 8, (128, 160, 3))
    assert all(np.abs(a.astype(int) - b).max() > 80 for a, b in zip(frames, originals, strict=True)), "boxes are on it"
    assert "8 frames; found" in said and "ms a frame" in said and "made " in said
    assert list(tmp_path.iterdir()) == [tmp_path / "short.mp4"]


def test_each_frame_is_an_object(run, short_film: Path) -> None:
    seen = objects(run(short_film, "--graph", "exported", "--json", *ALL)[0])
    assert [one["frame"] for one in seen] == list(range(8))
    assert [one["seconds"] for one in seen] == pytest.approx([number / 20 for number in range(8)])
    assert all(one["detections"] and (one["width"], one["height"]) == (160, 128) for one in seen)


def test_a_broken_video_is_one_line_and_leaves_nothing(run, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no video")
    with pytest.raises(WorldError, match="1 of 1 failed"):
        run(tmp_path / "film.mp4", "--graph", "exported", "--output", str(tmp_path / "out"))
    assert "film.mp4: failed, no video, cut off, or of a kind that OpenCV cannot read" in capsys.readouterr().out
    assert not list((tmp_path / "out").rglob("*"))


def test_of_a_video_that_is_cut_off_the_beginning_is_drawn(
    run, film: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with contextlib.closing(video.VideoReader(film)) as reader:
        frames = list(reader)[::5]
    with contextlib.closing(video.VideoWriter(tmp_path / "whole.avi", 20.0)) as writer:
        for frame in frames:
            writer.write(frame)
    whole = (tmp_path / "whole.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(WorldError, match="1 of 1 failed"):
        run(tmp_path / "cut.avi", "--graph", "exported", "--output", str(tmp_path / "out"))
    assert "cut.avi: failed, cut off: " in capsys.readouterr().out
    with contextlib.closing(video.VideoReader(tmp_path / "out" / "cut.avi.mp4")) as reader:
        assert 0 < len(list(reader)) < len(frames)


@pytest.fixture
def endless(film: Path, tmp_path: Path) -> Path:
    """A video of 800 frames, which is not done before it is interrupted."""
    path = tmp_path / "endless.avi"
    with contextlib.closing(video.VideoReader(film)) as reader:
        frames = [np.asarray(Image.fromarray(frame).resize((640, 480))) for frame in reader][::20]
    with contextlib.closing(video.VideoWriter(path, 20.0)) as writer:
        for number in range(800):
            writer.write(frames[number % len(frames)])
    return path


def test_ctrl_c_leaves_nothing_half_written(tree: layout.Home, endless: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    environment = verb_environment(tree, IMAGE=str(endless), OUTPUT=str(out), GRAPH="exported", JSON="1")
    script = layout.CHECKOUT / "scripts" / "detect.sh"
    process = subprocess.Popen([script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert json.loads(process.stdout.readline())["frame"] == 0
    assert [path.suffix for path in _waited_for(out)] == [".mp4"]
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("todus: interrupted")
    assert list(out.iterdir()) == []


def _waited_for(folder: Path) -> Iterator[Path]:
    """What is in the folder, once there is anything."""
    while not (folder.is_dir() and any(folder.iterdir())):
        time.sleep(0.01)
    return folder.iterdir()


def test_mistakes_are_one_line(tree: layout.Home, images: list[Path], tmp_path: Path) -> None:
    shutil.copy(images[0], tmp_path / "photo.jpg")
    assert failed_in_one_line(run_verb("detect", tree), "IMAGE is not given", "an image, a folder")
    assert failed_in_one_line(run_verb("detect", tree, IMAGE="nope"), "IMAGE=nope is not there")
    assert failed_in_one_line(run_verb("detect", tree, IMAGE="x", THRESHOLD="2"), "THRESHOLD", "from 0 to 1")
    same = {"IMAGE": str(tmp_path), "OUTPUT": f"{tmp_path}/../{tmp_path.name}"}
    assert failed_in_one_line(run_verb("detect", tree, **same), "OUTPUT=", "the folder of the images themselves")


def test_one_graph_at_a_time(run, images: list[Path]) -> None:
    with pytest.raises(UserError, match="names 2 graphs; make detect takes one"):
        run(images[0], "--graph", "exported training")
    with pytest.raises(UserError, match=r"there is no graph nope\.xyz"):
        run(images[0], "--graph", "nope.xyz")


def test_a_graph_that_drops_scores_by_itself_is_told_of(run, tree: layout.Home, images: list[Path], tmp_path) -> None:
    said, _ = run(images[0], "--graph", "tflite", "--threshold", "0", "--output", str(tmp_path / "out"))
    own = graphs.find(tree.model(NAME), "tflite").open()
    own.close()
    assert own.score_threshold > 0
    assert f"note: this graph drops scores under {own.score_threshold:.3g} by itself, whatever THRESHOLD says" in said
    said, _ = run(images[0], "--graph", "tflite", "--threshold", "0.5", "--output", str(tmp_path / "out"))
    assert "note:" not in said
