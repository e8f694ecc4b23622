"""make benchmark on the little model: every format that can run is measured, the others say why, and nothing of the
user's is overwritten."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import NAME, run_verb, verb_environment
from todus import checkpoint, layout
from todus.benchmark import benchmark, formats, making, onnx_file, parameters, pretrained_graph, tflite_files, timing
from todus.benchmark.programs import LITERT, TENSORFLOW, Job
from todus.benchmark.row import Row
from todus.benchmark.timing import Timings
from todus.benchmark.wanted import Wanted
from todus.bridge import pipeline as pipelines
from todus.converting import tflite_file
from todus.converting.tflite_runner import Runner
from todus.errors import UserError
from todus.evaluation import validation_set
from todus.evaluation.detectors.image_reader import read_image
from todus.zoo import prepared as preparing

ROUNDS = 6
TIMED = ["pretrained", "exported", "saved-model", "float32", "float16", "dynamic", "int8", "onnx"]


@pytest.fixture(scope="module")
def tree(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Home:
    """A tree in which the user has converted to TensorFlow Lite before: NAME.tflite is the file of int8."""
    home = layout.Home(tmp_path_factory.mktemp("benchmark") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    result = run_verb("convert-tflite", home, TFLITE="int8")
    assert result.returncode == 0, result.stderr
    return home


@pytest.fixture(scope="module")
def files_before(tree: layout.Home) -> dict[Path, int]:
    return times_of(tree)


@pytest.fixture(scope="module")
def rows(tree: layout.Home, files_before: dict[Path, int]) -> Iterator[dict[str, Row]]:
    """Of a benchmark with few rounds."""
    patch = pytest.MonkeyPatch()
    patch.setattr(timing, "ROUNDS", ROUNDS)
    patch.setattr(timing, "WARM_UP", 1)
    measured = benchmark.benchmark(tree.model(NAME), formats.choose(""), threads=1)
    patch.undo()
    return {row.name: row for row in measured}


def times_of(home: layout.Home) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in home.folder.rglob("*") if path.is_file()}


def test_all_that_can_run_is_measured_and_the_others_say_why(rows: dict[str, Row]) -> None:
    assert [row.name for row in rows.values()] == [one.name for one in formats.FORMATS]
    assert {name: row.reason for name, row in rows.items() if not row.figures}.keys() == {"uint8", "uff"}
    assert rows["uint8"].reason.startswith("needs QUANTIZE=1; run: make model")
    assert (rows["uff"].reason, rows["uff"].made.size > 100_000) == ("size only: TensorRT alone runs it", True)
    for name in TIMED:
        assert rows[name].figures.median > 0, name
        assert rows[name].figures.speed.ratio > 0, name
        assert rows[name].made.size > 0, name
    assert not rows["exported"].reason


def test_equal_formats_are_equally_good(rows: dict[str, Row]) -> None:
    exported = rows["exported"].accuracy
    assert exported.score_threshold == pytest.approx(1e-8)
    for name in ("saved-model", "float32", "float16", "onnx"):
        assert rows[name].accuracy.average_precision == pytest.approx(exported.average_precision, abs=0.005), name
        assert rows[name].accuracy.at_50 == pytest.approx(exported.at_50, abs=0.005), name


def test_backbone_and_head_are_timed_in_the_same_rounds_as_the_whole(rows: dict[str, Row]) -> None:
    for name in TIMED:
        assert len(rows[name].timings.whole) == len(rows[name].timings.heads) == ROUNDS, name
    found = rows["pretrained"].figures  # with 90 suppressions, which take longer than the noise
    assert 0 < found.heads < found.median
    assert 0 < found.post_processing < found.median


def test_parameters_are_those_of_the_network(tree: layout.Home, rows: dict[str, Row]) -> None:
    model = tree.model(NAME)
    variables = checkpoint.read(checkpoint.at_step(model.training, 0))
    assert rows["exported"].parameters == sum(value.size for value in variables.values() if value.ndim)
    assert parameters.count(model.pretrained / "model.ckpt") == rows["pretrained"].parameters
    assert rows["pretrained"].parameters > rows["exported"].parameters == rows["onnx"].parameters
    assert rows["uint8"].parameters is None


def test_table_and_json_agree_and_there_is_a_chart(tree: layout.Home, rows: dict[str, Row]) -> None:
    model = tree.model(NAME)
    told = json.loads(model.benchmark_json.read_text(encoding="utf-8"))
    text = model.benchmark_table.read_text(encoding="utf-8")
    lines = {line.split(" | ")[0].lstrip("| ").rstrip(): line.split(" | ") for line in text.splitlines()}
    assert told["threads"] == 1
    assert told["classes"] == [90, 3]
    assert set(told["versions"]) >= {"tensorflow", "ai-edge-litert", "onnxruntime"}
    assert told["machine"]["processor"] in text
    assert told["sentence"] in text
    assert told["sentence"].startswith("Did fewer categories make it faster? ")
    for row in told["rows"]:
        cells = next(cells for title, cells in lines.items() if title.partition(" (")[0] == row["title"])
        if row["ms"]:
            assert cells[5].strip() == f"{row['ms']['median']:.1f}"
            assert cells[3].strip() == f"{100 * row['AP']:.1f}"
            assert np.median(row["timings"]["whole"]) == pytest.approx(row["ms"]["median"], abs=0.001)
    with Image.open(model.benchmark_chart) as picture:
        assert picture.format == "PNG"


def test_what_was_there_is_taken_and_the_rest_is_made_beside_it(
    tree: layout.Home, files_before: dict[Path, int], rows: dict[str, Row]
) -> None:
    model = tree.model(NAME)
    assert rows["int8"].made.path == model.tflite
    assert not model.other_tflite("int8").exists()
    changed = {path for path, time in files_before.items() if path.stat().st_mtime_ns != time}
    assert changed <= {model.tflite_labels}, "what is made anew are the same labels"
    for kind in ("float32", "float16", "dynamic"):
        assert rows[kind].made.path == model.other_tflite(kind)
        assert tflite_files.kind_of(model.other_tflite(kind)) == kind


def test_a_second_time_nothing_is_made_and_nothing_detected(
    tree: layout.Home, rows: dict[str, Row], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    before = times_of(tree)
    monkeypatch.setattr(timing, "ROUNDS", 2)
    benchmark.benchmark(tree.model(NAME), formats.choose("exported int8 onnx"), threads=1)
    assert "making" not in capsys.readouterr().out
    written = {path for path, time in times_of(tree).items() if before.get(path) != time}
    assert written == {tree.folder / "model" / NAME / f"benchmark.{suffix}" for suffix in ("json", "md", "png")}


def test_a_file_that_is_no_good_is_a_row_and_stays_as_it_is(
    tree: layout.Home, rows: dict[str, Row], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = layout.Home(tmp_path / "copy")
    shutil.copytree(tree.folder, home.folder)
    model = home.model(NAME)
    broken = model.other_tflite("float16")
    broken.write_bytes(b"not a model")
    model.onnx.write_bytes(model.onnx.read_bytes()[:1000])
    monkeypatch.setattr(timing, "ROUNDS", 1)
    measured = benchmark.benchmark(model, formats.choose("float16 int8 onnx"), images=4, threads=1)
    float16, int8, onnx = measured
    assert float16.reason == f"{broken.name} is damaged, or of another kind; move it away"
    assert "half of one" in onnx.reason
    assert broken.read_bytes() == b"not a model"
    assert int8.figures.median > 0 and int8.accuracy is not None
    assert float16.figures is None and onnx.figures is None


def test_a_process_that_fails_or_is_killed_takes_only_its_own_format_with_it(
    tree: layout.Home, rows: dict[str, Row], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(timing, "ROUNDS", 2)
    good = Job(LITERT, tree.model(NAME).tflite, 1)
    broken = tmp_path / "broken.pb"
    broken.write_bytes(b"\xff" * 100)
    jobs = {"killed": good, "good": good, "broken": Job(TENSORFLOW, broken, 1)}

    def kill_the_first() -> None:
        while len(multiprocessing.active_children()) < len(jobs):
            time.sleep(0.01)
        os.kill(min(process.pid for process in multiprocessing.active_children()), signal.SIGKILL)

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    found = timing.measure(jobs, images_of(tree)[:1])
    killer.join()
    assert found["killed"] == "its process was ended by SIGKILL (out of memory?)"
    assert found["broken"].startswith("DecodeError: ")
    assert isinstance(found["good"], Timings) and len(found["good"].whole) == 2
    assert multiprocessing.active_children() == []


def test_rounds_end_early_where_they_take_long_but_not_before_there_are_enough(
    tree: layout.Home, rows: dict[str, Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "ENOUGH", 0.0)
    monkeypatch.setattr(timing, "FEWEST_ROUNDS", 4)
    found = timing.measure({"int8": Job(LITERT, tree.model(NAME).tflite, 1)}, images_of(tree)[:3])
    assert (len(found["int8"].whole), found["int8"].heads) == (4, [])
    assert timing.measure({}, images_of(tree)) == {}


def images_of(home: layout.Home) -> list[Path]:
    return [path for _, path in validation_set.read(preparing.require(home.model(NAME), "val")).images]


def test_ctrl_c_leaves_no_process_behind(tree: layout.Home, rows: dict[str, Row]) -> None:
    command = [sys.executable, "-m", "todus.benchmark.benchmark", "--model-dir", str(tree.model(NAME).folder)]
    environment = {**verb_environment(tree), "PYTHONPATH": str(layout.CHECKOUT / "python")}
    process = subprocess.Popen(
        [*command, "--graph", "float32 int8"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len(workers_of(process.pid)) < 2 and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal sends it
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert error.splitlines()[-1] == "todus: interrupted; run the same command again to go on"
    assert "Traceback" not in error
    assert workers_of(process.pid) == []


def workers_of(session: int) -> list[int]:
    """The processes of a session that multiprocessing has started to work."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdecimal() and os.getsid(int(folder.name)) == session:
                words = (folder / "cmdline").read_bytes()
                found += [int(folder.name)] if b"spawn_main" in words else []
        except OSError:  # it has just ended
            continue
    return found


def test_the_model_without_its_last_operation_gives_what_that_takes(tree: layout.Home, rows: dict[str, Row]) -> None:
    for path in (tree.model(NAME).tflite, tree.model(NAME).other_tflite("float32")):
        whole = Runner(path, keeps_tensors=True)
        heads = Runner(tflite_files.without_post_processing(path.read_bytes()))
        height, width = whole.size
        pixels = np.asarray(Image.fromarray(read_image(images_of(tree)[0])).resize((width, height)), np.float32)[None]
        whole(pixels)
        for found, expected in zip(heads(pixels), whole.raw_outputs(), strict=True):
            assert np.array_equal(found, expected)


def test_a_file_of_an_older_checkpoint_is_made_anew_only_where_kind_and_form_are_the_same(
    tree: layout.Home, rows: dict[str, Row], tmp_path: Path
) -> None:
    home = layout.Home(tmp_path / "copy")
    shutil.copytree(tree.folder, home.folder)
    model = home.model(NAME)
    newer = checkpoint.at_step(model.training, 5)
    checkpoint.write(newer, checkpoint.read(checkpoint.at_step(model.training, 0)))
    files = tflite_files.TFLiteFiles(Wanted(model, newer))
    assert files.place_of("int8") == model.tflite and not files.is_current(model.tflite)
    assert files.place_of("uint8") == model.other_tflite("uint8")
    facts = tflite_file.facts_in(model.other_tflite("float16"))
    shutil.copy(model.other_tflite("float16"), model.other_tflite("dynamic"))
    with pytest.raises(UserError, match=r"-dynamic.tflite is damaged, or of another kind; move it away"):
        files.place_of("dynamic")
    assert facts.checkpoint == "model.ckpt-0" and files.source.facts.checkpoint == "model.ckpt-5"


@pytest.mark.parametrize(("key", "value", "reason"), [
    ("nms", "tensorrt", "made with NMS=tensorrt, cannot run here; move"),
    ("nms", "none", "made with NMS=none, gives no detections; move"),
    ("checkpoint", "pretrained", "is of the pretrained model; move"),
])  # fmt: skip
def test_an_onnx_file_of_another_form_is_not_replaced(
    tree: layout.Home, rows: dict[str, Row], tmp_path: Path, key: str, value: str, reason: str
) -> None:
    import onnx

    model = layout.Home(tmp_path).model(NAME)
    file = onnx.load(tree.model(NAME).onnx)
    for entry in file.metadata_props:
        if entry.key == key:
            entry.value = json.dumps(value)
    model.folder.mkdir(parents=True)
    onnx.save(file, model.onnx)
    with pytest.raises(UserError, match=reason):
        onnx_file.is_current(Wanted(model, tree.model(NAME).training / "model.ckpt-0"))


def test_the_pretrained_graph_has_the_post_processing_of_the_limited_one(
    tree: layout.Home, rows: dict[str, Row]
) -> None:
    model = tree.model(NAME)
    source = pretrained_graph.source(model)
    assert pretrained_graph.is_current(model, source)
    edited = pipelines.load(model.pipeline)
    edited.model.ssd.post_processing.batch_non_max_suppression.max_total_detections = 7
    other = pretrained_graph.with_post_processing_of(pipelines.load(model.zoo_pipeline), edited)
    assert other.model.ssd.post_processing == edited.model.ssd.post_processing
    assert other.model.ssd.num_classes == 90
    assert making.Made(formats.FORMATS[0], model.benchmark_pretrained_graph).size > 1_000_000
