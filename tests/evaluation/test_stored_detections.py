"""What a graph has detected is used again as long as nothing that it depends on has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from todus.evaluation import origin, stored_detections
from todus.evaluation.graphs import Graph
from todus.evaluation.stored_detections import Stored
from todus.evaluation.validation_set import ValidationSet
from todus.layout import Model

RESULTS = [{"image_id": 1, "category_id": 2, "bbox": [0.1, 2.0, 3.0, 4.5], "score": 0.123456789012345}]
VALIDATION = ValidationSet("limited", {}, [({"id": 1}, Path(__file__))], "of one file, which is there")


@pytest.fixture
def model(tmp_path: Path) -> Model:
    (tmp_path / "some-model").mkdir()
    return Model(tmp_path / "some-model")


@pytest.fixture
def graph(model: Model) -> Graph:
    file = model.folder / "some.pb"
    file.write_text("a graph")
    return Graph("some.pb", (file,), lambda: None)


@pytest.fixture
def reread(model: Model, graph: Graph) -> Callable[..., Stored | None]:
    """Store detections, then read them as they are wanted after that."""
    made_of = stored_detections.origin_of(model, graph, VALIDATION)
    stored_detections.write(model, graph, made_of, Stored(RESULTS, 1e-8))

    def read(graph: Graph = graph, validation: ValidationSet = VALIDATION) -> Stored | None:
        return stored_detections.read(model, graph, stored_detections.origin_of(model, graph, validation))

    return read


def test_they_come_back_to_the_last_digit(reread):
    assert reread() == Stored(RESULTS, 1e-8)


def test_nothing_is_there_at_first(model, graph):
    assert stored_detections.read(model, graph, stored_detections.origin_of(model, graph, VALIDATION)) is None


def test_another_file_ground_truth_runtime_or_way_of_detecting_needs_new_ones(reread, graph, monkeypatch):
    assert reread(validation=ValidationSet("limited", {}, VALIDATION.images, "of another")) is None
    assert reread(validation=replace(VALIDATION, images=VALIDATION.images * 2)) is None
    assert reread(graph=replace(graph, runtime="numpy")) is None
    monkeypatch.setattr(stored_detections, "VERSION", stored_detections.VERSION + 1)
    assert reread() is None
    monkeypatch.undo()
    assert reread() is not None
    graph.files[0].write_text("a new one")
    assert reread() is None


def test_an_image_that_was_written_anew_needs_new_ones(model, graph, tmp_path):
    image = tmp_path / "1.jpg"
    image.write_bytes(b"an image")
    validation = replace(VALIDATION, images=[({"id": 1}, image)])
    before = stored_detections.origin_of(model, graph, validation)
    stored_detections.write(model, graph, before, Stored(RESULTS, None))
    assert stored_detections.origin_of(model, graph, validation) == before
    os.utime(image, ns=(0, image.stat().st_mtime_ns + 1))
    assert stored_detections.read(model, graph, stored_detections.origin_of(model, graph, validation)) is None


def test_another_object_detection_api_needs_new_ones_of_what_it_builds(reread, model, graph, monkeypatch, tmp_path):
    built = replace(graph, is_built=True)
    before = stored_detections.origin_of(model, built, VALIDATION)
    monkeypatch.setenv("OBJECT_DETECTION_DIR", str(tmp_path))
    assert stored_detections.origin_of(model, built, VALIDATION) != before
    assert reread() is not None, "a frozen graph does not need it"


def test_a_graph_that_was_only_touched_or_moved_with_its_model_needs_no_new_ones(reread, graph, model, tmp_path):
    graph.files[0].touch()
    assert reread() is not None
    moved = Model(tmp_path / "moved")
    model.folder.rename(moved.folder)
    there = Graph(graph.name, (moved.folder / "some.pb",), graph.open)
    assert stored_detections.read(moved, there, stored_detections.origin_of(moved, there, VALIDATION)) is not None


def test_graphs_whose_names_differ_in_a_slash_are_not_mixed_up(model, reread, graph):
    one, other = (Graph(name, graph.files, graph.open) for name in ("a/b.pb", "a_b.pb"))
    made_of = stored_detections.origin_of(model, one, VALIDATION)
    stored_detections.write(model, one, made_of, Stored(RESULTS, None))
    for path in (Model.detections, Model.detections_origin, Model.curves, Model.worst_images):
        assert path(model, one.name) != path(model, other.name)
    assert stored_detections.read(model, one, made_of) == Stored(RESULTS, None)
    assert stored_detections.read(model, other, made_of) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"[{", b"not JSON"])
@pytest.mark.parametrize("damaged", ["detections", "detections_origin"])
def test_damaged_files_are_not_used(reread, model, graph, damaged, content):
    getattr(model, damaged)(graph.name).write_bytes(content)
    assert reread() is None


def test_a_digit_that_changed_is_noticed(reread, model, graph):
    path = model.detections(graph.name)
    path.write_text(path.read_text().replace("0.1234", "0.9234"))
    assert reread() is None


def test_a_long_name_still_makes_a_file_name(model, graph):
    name = "/".join(["a long path"] * 40)
    long = Graph(name, graph.files, graph.open)
    stored_detections.write(model, long, {}, Stored(RESULTS, None))
    assert stored_detections.read(model, long, {}) is not None
    assert model.detections(name) != model.detections(name + "2")


def test_what_an_evaluation_was_made_of_is_unchanged_until_a_file_is_written_anew(model, graph, tmp_path):
    outside = tmp_path / "labels.txt"
    outside.write_text("bear")
    made = origin.made_of([*graph.files, outside], model)
    assert list(made) == ["some.pb", str(outside)]
    assert origin.is_unchanged(made, model)
    outside.write_text("clock")
    assert not origin.is_unchanged(made, model)
    outside.unlink()
    assert origin.is_unchanged(made, model)
