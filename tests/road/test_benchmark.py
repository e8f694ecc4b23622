"""make benchmark on the little model: every format that can run is measured, the others say why, and nothing of the
user's is used or touched."""

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
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import NAME, run_verb, verb_environment
from todus import checkpoint, files, layout
from todus.benchmark import benchmark, conditions, formats, making, pretrained_graph, programs, rows, timing
from todus.benchmark.programs import LITERT, TENSORFLOW, Job
from todus.benchmark.rows import Measuring, Row
from todus.benchmark.shadow import Shadow
from todus.benchmark.timing import Timings
from todus.bridge import pipeline as pipelines
from todus.converting import tflite_file
from todus.converting.tflite_runner import Runner
from todus.errors import UserError, WorldError
from todus.evaluation import evaluate, graphs, validation_set
from todus.evaluation.detectors.image_reader import read_image
from todus.zoo import prepared as preparing

ROUNDS = 6
TIMED = ["pretrained", "exported", "saved-model", "float32", "float16", "dynamic", "int8", "onnx"]
DEADLINE = 120.0  # seconds; what has not come by then does not come
USERS = (
    "inference-graph/frozen_inference_graph.pb",
    "inference-graph/exported-from.txt",
    "inference-graph/labels.txt",
    "inference-graph/tflite_graph.json",
    *(f"{NAME}{end}" for end in (".tflite", "-float16.tflite", ".labels.txt", ".onnx", ".onnx.labels.txt", ".uff")),
    "labels.txt",
)


@pytest.fixture(scope="module")
def tree(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Home:
    """A tree where files of the user's, which are no models, are in all places that the verbs write to."""
    home = layout.Home(tmp_path_factory.mktemp("benchmark") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    for name in USERS:
        files.write_text(home.model(NAME).folder / name, f"the user's {name}")
    return home


@pytest.fixture(scope="module")
def before(tree: layout.Home) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in tree.folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def measured(tree: layout.Home, before: dict[Path, bytes]) -> Iterator[dict[str, Row]]:
    """The rows of a benchmark with few rounds."""
    patch = pytest.MonkeyPatch()
    patch.setattr(timing, "ROUNDS", ROUNDS)
    patch.setattr(timing, "WARM_UP", 1)
    all_rows = benchmark.benchmark(tree.model(NAME), formats.choose(""), threads=1)
    patch.undo()
    return {row.name: row for row in all_rows}


@pytest.fixture
def copy(tree: layout.Home, measured: dict[str, Row], tmp_path: Path) -> layout.Model:
    """The measured model in a tree of its own."""
    shutil.copytree(tree.folder, tmp_path / "copy", symlinks=True)
    return layout.Home(tmp_path / "copy").model(NAME)


def times_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def shadow_of(model: layout.Model) -> Shadow:
    return Shadow(model, checkpoint.newest(model.training))


def images_of(home: layout.Home) -> list[Path]:
    return [path for _, path in validation_set.read(preparing.require(home.model(NAME), "val")).images]


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_all_that_can_run_is_measured_and_the_others_say_why(measured: dict[str, Row]) -> None:
    assert list(measured) == [one.name for one in formats.FORMATS]
    assert {name for name, row in measured.items() if not row.figures} == {"uint8", "uff"}
    assert "needs QUANTIZE=1; for that: make model" in measured["uint8"].reason
    assert "QUANTIZE=1, which reconfigures the model" in measured["uint8"].reason
    assert (measured["uff"].reason, measured["uff"].made.size > 100_000) == (making.SIZE_ONLY, True)
    for name in TIMED:
        assert not measured[name].reason, name
        assert measured[name].figures.median > 0, name
        assert measured[name].figures.speed.ratio > 0, name
        assert measured[name].made.size > 0, name


def test_nothing_of_the_users_is_used_or_touched(
    tree: layout.Home, before: dict[Path, bytes], measured: dict[str, Row]
) -> None:
    assert {path: path.read_bytes() for path in before} == before
    model = tree.model(NAME)
    new = {path for path in tree.folder.rglob("*") if path.is_file()} - set(before)
    written = {model.benchmark_json, model.benchmark_table, model.benchmark_chart}
    assert {path for path in new if not path.is_relative_to(model.benchmark)} == written
    assert not [path for path in new if files.UNFINISHED in path.name or path.name.endswith(".lock")]


def test_a_saved_model_is_just_as_good_as_the_frozen_graph(measured: dict[str, Row]) -> None:
    """Of the others AP says little with a model that is hardly trained: what they detect is compared below."""
    exported, saved_model = (measured[name].accuracy for name in ("exported", "saved-model"))
    assert exported.score_threshold == pytest.approx(1e-8)
    assert exported.average_precision > 0
    assert saved_model == exported


def test_the_pretrained_row_is_as_good_as_make_eval_says(tree: layout.Home, measured: dict[str, Row]) -> None:
    model = tree.model(NAME)
    on = validation_set.read(preparing.require(model, "val"))
    _, detector = graphs.open_detector(model, "pretrained")
    scores, _ = evaluate.measure(detector, on.annotations, on.images)
    detector.close()
    assert scores.summary["AP"] > 0
    assert measured["pretrained"].accuracy.average_precision == pytest.approx(scores.summary["AP"], abs=0.002)


@pytest.mark.parametrize("name", ["exported", "saved-model", "float32", "int8", "onnx"])
def test_what_is_timed_detects_what_the_evaluation_does(tree: layout.Home, measured: dict[str, Row], name: str) -> None:
    """On an image of the network's own size, as OpenCV resizes in another way than TensorFlow."""
    graph = rows._graph_of(shadow_of(tree.model(NAME)), measured[name].made)
    pixels = np.asarray(Image.fromarray(read_image(images_of(tree)[0])).resize((96, 96)))
    detector = graph.open()
    (expected,) = detector.detect([pixels])
    detector.close()
    program = programs.load(programs.job_of(measured[name].made.path, threads=1))
    boxes, classes, scores, count = (output[0] for output in program.whole(pixels))
    assert boxes.shape[1:] == (4,) and classes.shape == scores.shape == boxes.shape[:1]
    assert count >= len(expected.scores) > 0, "the evaluation leaves out boxes that are none"
    for score, box in zip(expected.scores, expected.boxes, strict=True):
        same = (np.abs(scores - score) < 1e-4) & (np.abs(np.clip(boxes, 0, 1) - box).max(axis=1) < 1e-4)
        assert same.any()
    program.heads(pixels)


def test_backbone_and_head_are_timed_in_the_same_rounds_as_the_whole(measured: dict[str, Row]) -> None:
    for name in TIMED:
        assert len(measured[name].timings.whole) == len(measured[name].timings.heads) == ROUNDS, name
    found = measured["pretrained"].figures  # with 90 suppressions, which take longer than the noise
    assert 0 < found.heads < found.median
    assert 0 < found.post_processing < found.median


def test_parameters_are_those_of_the_network(tree: layout.Home, measured: dict[str, Row]) -> None:
    model = tree.model(NAME)
    variables = checkpoint.read(checkpoint.at_step(model.training, 0))
    assert measured["exported"].parameters == sum(value.size for value in variables.values() if value.ndim)
    assert rows.count_parameters(model.pretrained / "model.ckpt") == measured["pretrained"].parameters
    assert measured["pretrained"].parameters > measured["exported"].parameters == measured["onnx"].parameters
    assert measured["uint8"].parameters is None


def test_table_and_json_agree_and_there_is_a_chart(tree: layout.Home, measured: dict[str, Row]) -> None:
    model = tree.model(NAME)
    told = json.loads(model.benchmark_json.read_text(encoding="utf-8"))
    text = model.benchmark_table.read_text(encoding="utf-8")
    lines = {line.split(" | ")[0].lstrip("| ").rstrip(): line.split(" | ") for line in text.splitlines()}
    assert (told["threads"], told["classes"], told["quantized"]) == (1, [90, 3], [False, False])
    assert (told["timed_images"], told["rounds"], told["images"]) == (ROUNDS, ROUNDS, len(images_of(tree)))
    assert set(told["versions"]) >= {"tensorflow", "ai-edge-litert", "onnxruntime"}
    assert told["machine"]["processor"] in text
    assert told["sentence"] in text
    assert told["sentence"].startswith("Did fewer categories make it faster? ")
    for row in told["rows"]:
        cells = next(cells for title, cells in lines.items() if title.partition(" (")[0] == row["title"])
        if row["ms"]:
            assert cells[5].strip() == f"{row['ms']['median']:.1f}"
            assert cells[3].strip() == f"{100 * row['AP']:.1f}"
            assert cells[9].strip(" |") == f"{row['speed']['ratio']:.2f} x"
            assert np.median(row["timings"]["whole"]) == pytest.approx(row["ms"]["median"], abs=0.001)
    with Image.open(model.benchmark_chart) as picture:
        assert picture.format == "PNG"


def test_of_some_formats_nothing_is_made_again_and_nothing_written(
    tree: layout.Home, measured: dict[str, Row], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    were = times_of(tree.folder)
    monkeypatch.setattr(timing, "ROUNDS", 2)
    some = benchmark.benchmark(tree.model(NAME), formats.choose("int8 onnx"), threads=1)
    assert all(row.figures and row.accuracy == measured[row.name].accuracy for row in some)
    said = capsys.readouterr().out
    assert "making" not in said
    assert "no file is written: benchmark.md is for all, without GRAPH" in said
    assert times_of(tree.folder) == were


def test_where_nothing_can_be_timed_that_is_an_error_with_the_reasons(
    tree: layout.Home, measured: dict[str, Row]
) -> None:
    were = times_of(tree.folder)
    with pytest.raises(UserError, match=r"nothing could be timed, .*TFLite uint8: needs QUANTIZE=1; .*UFF: size only"):
        benchmark.benchmark(tree.model(NAME), formats.choose("uint8 uff"))
    assert times_of(tree.folder) == were


def test_more_threads_than_cores_are_refused(tree: layout.Home) -> None:
    with pytest.raises(UserError, match=r"^THREADS=10000: there are \d+ cores here; give \d+ or less$"):
        benchmark.benchmark(tree.model(NAME), formats.choose(""), threads=10000)


def test_two_benchmarks_of_a_model_at_a_time_are_refused(tree: layout.Home, measured: dict[str, Row]) -> None:
    model = tree.model(NAME)
    with files.locked(model.benchmark), pytest.raises(WorldError, match="another run"):
        benchmark.benchmark(model, formats.choose("int8"))


def test_other_weights_under_the_same_name_are_noticed_whatever_their_date(copy: layout.Model) -> None:
    shadow, prefix = shadow_of(copy), checkpoint.newest(copy.training)
    shadow.prepare()
    assert all(shadow.has(name) for name in (*set(TIMED) - {"saved-model"}, "uff")), "all is of these weights"
    index = prefix.with_name(f"{prefix.name}.index")
    was = index.stat().st_mtime
    variables = checkpoint.read(prefix)
    checkpoint.write(prefix, {name: value * 2 if value.ndim else value for name, value in variables.items()})
    os.utime(index, (was - 1000, was - 1000))
    other = shadow_of(copy)
    other.prepare()
    assert not any(other.has(one.name) for one in formats.FORMATS)
    left = {path.name for path in (*copy.benchmark.iterdir(), *copy.benchmark_shadow.folder.iterdir())}
    assert left == {NAME, copy.benchmark_made.name, "pretrained", "training", "eval"}
    assert {path for path in copy.benchmark_shadow.folder.iterdir() if path.is_symlink()} == {
        copy.benchmark_shadow.pretrained,
        copy.benchmark_shadow.training,
    }
    assert copy.pipeline.is_file() and checkpoint.newest(copy.training) == prefix


def test_a_copy_that_has_folders_in_place_of_links_is_linked_anew(copy: layout.Model) -> None:
    link = copy.benchmark_shadow.training
    link.unlink()
    shutil.copytree(copy.training, link)
    shadow_of(copy).prepare()
    assert link.is_symlink() and link.samefile(copy.training)


def test_clean_model_removes_the_links_and_not_what_they_lead_to(copy: layout.Model) -> None:
    result = run_verb("clean-model", layout.Home(copy.folder.parent.parent), MODEL=NAME)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in copy.folder.iterdir()} == {"pretrained", "training"}
    assert checkpoint.newest(copy.training) is not None and copy.pipeline.is_file()


def test_a_process_that_fails_or_is_killed_takes_only_its_own_format_with_it(
    tree: layout.Home, measured: dict[str, Row], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(timing, "ROUNDS", 2)
    good = Job(LITERT, measured["int8"].made.path, 1)
    broken = tmp_path / "broken.pb"
    broken.write_bytes(b"\xff" * 100)
    jobs = {"killed": good, "good": good, "broken": Job(TENSORFLOW, broken, 1)}

    def kill_the_first() -> None:
        wait_for(lambda: len(multiprocessing.active_children()) == len(jobs))
        os.kill(min(process.pid for process in multiprocessing.active_children()), signal.SIGKILL)

    killer = threading.Thread(target=kill_the_first)
    killer.start()
    found = timing.measure(jobs, images_of(tree)[:1])
    killer.join(DEADLINE)
    assert found["killed"] == "its process was ended by SIGKILL (out of memory?)"
    assert "broken.pb is not a TensorFlow graph" in found["broken"]
    assert isinstance(found["good"], Timings) and len(found["good"].whole) == 2
    assert multiprocessing.active_children() == []


def test_a_bug_is_no_formats_reason(measured: dict[str, Row]) -> None:
    no_path = 7
    with pytest.raises(RuntimeError, match=r"(?s)in a process that times a format:\nTraceback.*int"):
        timing.measure({"int8": Job(LITERT, measured["int8"].made.path, 1)}, [no_path])
    assert multiprocessing.active_children() == []


def test_rounds_end_early_where_they_take_long_but_not_before_there_are_enough(
    tree: layout.Home, measured: dict[str, Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "ENOUGH", 0.0)
    monkeypatch.setattr(timing, "FEWEST_ROUNDS", 4)
    images = images_of(tree)
    found = timing.measure({"int8": Job(LITERT, measured["int8"].made.path, 1)}, images)
    assert (len(found["int8"].whole), found["int8"].heads) == (4, [])
    assert timing.measure({}, images) == {}
    on = validation_set.read(preparing.require(tree.model(NAME), "val"))
    row = Row(measured["int8"].made, timings=found["int8"])
    for timed, count in ((images, 4), (images[:3], 3)):
        holding = conditions.of(Measuring(shadow_of(tree.model(NAME)), on, on, timed, 1), [row])
        assert (holding.rounds, holding.timed_images) == (4, count)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_process_and_no_file_behind(
    tree: layout.Home, measured: dict[str, Row], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    were, temporary = times_of(tree.folder), tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "todus.benchmark.benchmark", "--model-dir", str(tree.model(NAME).folder)]
    environment = {**verb_environment(tree, TMPDIR=str(temporary)), "PYTHONPATH": str(layout.CHECKOUT / "python")}
    process = subprocess.Popen(
        [*command, "--graph", "float32 int8"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: len(workers_of(process.pid)) == 2 or process.poll() is not None)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal sends it
    else:
        process.send_signal(number)
    _, error = process.communicate(timeout=DEADLINE)
    assert process.returncode == status, error
    assert "Traceback" not in error
    assert workers_of(process.pid) == []
    assert list(temporary.iterdir()) == []
    assert times_of(tree.folder) == were


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


def test_the_model_without_its_last_operation_gives_what_that_takes(
    tree: layout.Home, measured: dict[str, Row]
) -> None:
    for name in ("int8", "float32"):
        path = measured[name].made.path
        whole = Runner(path, keeps_tensors=True)
        heads = Runner(tflite_file.without_post_processing(path.read_bytes()))
        height, width = whole.size
        pixels = np.asarray(Image.fromarray(read_image(images_of(tree)[0])).resize((width, height)))[None]
        whole(pixels.astype(np.float32))
        for found, expected in zip(heads(pixels), whole.raw_outputs(), strict=True):
            assert np.array_equal(found, expected)


def test_the_pretrained_graph_has_the_post_processing_of_the_limited_one(
    tree: layout.Home, measured: dict[str, Row]
) -> None:
    model = tree.model(NAME)
    edited = pipelines.load(model.pipeline)
    edited.model.ssd.post_processing.batch_non_max_suppression.max_total_detections = 7
    other = pretrained_graph.with_post_processing_of(pipelines.load(model.zoo_pipeline), edited)
    assert other.model.ssd.post_processing == edited.model.ssd.post_processing
    assert other.model.ssd.num_classes == 90
