"""What GRAPH names, and which categories a graph is taken to have, wherever it lies."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from todus import files
from todus.coco import label_map, labels
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.evaluation import graphs
from todus.evaluation.graphs import class_names
from todus.exporting import inference_graph
from todus.layout import COCO_LABEL_MAP, Model

CUT = LabelMap({1: "bear", 2: "stop sign"})
COCO = label_map.read(COCO_LABEL_MAP)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A model's files, as far as their names go."""
    model = Model(tmp_path / "some-model")
    for prefix in ("training/model.ckpt-0", "training/model.ckpt-70", "training/best/model.ckpt-50"):
        for part in ("index", "data-00000-of-00001"):
            files.write_text(model.folder / f"{prefix}.{part}", prefix)
    for prefix in ("index", "data-00000-of-00001"):
        files.write_text(model.pretrained / f"model.ckpt.{prefix}", "")
    label_map.write(model.label_map, CUT)
    files.write_text(model.frozen_graph, "")
    files.write_text(model.saved_model / "saved_model.pb", "")
    files.write_text(model.labels, labels.to_text(CUT))
    files.write_text(model.export_source, "model.ckpt-70\n")
    return model


@pytest.mark.parametrize(
    ("graph", "name", "file", "weights"),
    [
        ("", "model.ckpt-70", "training/model.ckpt-70.index", "model.ckpt-70"),
        ("training", "model.ckpt-70", "training/model.ckpt-70.index", "model.ckpt-70"),
        ("checkpoint", "model.ckpt-70", "training/model.ckpt-70.index", "model.ckpt-70"),
        ("model.ckpt-0", "model.ckpt-0", "training/model.ckpt-0.index", "model.ckpt-0"),
        ("best", "best", "training/best/model.ckpt-50.index", "model.ckpt-50"),
        ("pretrained", "pretrained", "pretrained/model.ckpt.index", "model.ckpt"),
        ("exported", "exported", "inference-graph/frozen_inference_graph.pb", "model.ckpt-70"),
        ("inference-graph", "exported", "inference-graph/frozen_inference_graph.pb", "model.ckpt-70"),
        ("saved-model", "saved-model", "inference-graph/saved_model/saved_model.pb", "model.ckpt-70"),
    ],
)
def test_a_name_stands_for_a_detector_of_the_model(model, graph, name, file, weights):
    found = graphs.find(model, graph)
    assert (found.name, found.weights) == (name, weights)
    assert model.folder / file in found.files


def test_a_checkpoint_can_be_named_beside(model):
    assert graphs.find(model, "", "model.ckpt-0").name == "model.ckpt-0"
    assert graphs.find(model, "training", "0").name == "model.ckpt-0"
    assert graphs.find(model, "", "best").files == graphs.find(model, "best").files
    elsewhere = str(model.pretrained / "model.ckpt")
    assert graphs.find(model, "", elsewhere).name == "pretrained/model.ckpt", "not taken for one of training"


def test_checkpoints_are_named_as_with_checkpoint(model, monkeypatch):
    monkeypatch.setenv("HOME", str(model.folder.parent))
    monkeypatch.chdir(model.pretrained)
    own = graphs.find(model, "model.ckpt-70")
    for graph in (
        "70",
        "model.ckpt-70.index",
        "../training/model.ckpt-70",
        f"~/{model.name}/training/model.ckpt-70",
        str(model.training / "model.ckpt-70"),
    ):
        found = graphs.find(model, graph)
        assert (found.name, found.files) == (own.name, own.files), graph
    assert graphs.find(model, "best/model.ckpt-50").files == graphs.find(model, "best").files
    assert graphs.find(model, "../pretrained/model.ckpt").name == "pretrained/model.ckpt"


def test_a_file_that_is_called_like_a_checkpoint_is_what_its_ending_says(model):
    files.write_text(model.folder / "model.ckpt-7.pb", "")
    assert graphs.find(model, str(model.folder / "model.ckpt-7.pb")).name == "model.ckpt-7.pb"


def test_a_path_stands_for_a_file_or_folder_of_anybody_s(model, tmp_path):
    own = model.folder / "mine" / "some graph.pb"
    files.write_text(own, "")
    assert graphs.find(model, str(own)).name == "mine/some graph.pb"
    other = tmp_path / "elsewhere" / "v1.2"
    files.write_text(other / "saved_model.pb", "")
    assert graphs.find(model, str(other)).name == str(other)


def test_several_are_separated_by_spaces_and_a_path_may_have_some(model, monkeypatch):
    assert [one.name for one in graphs.find_all(model, "pretrained  training exported inference-graph")] == [
        "pretrained",
        "model.ckpt-70",
        "exported",
    ]
    assert [one.name for one in graphs.find_all(model, "")] == ["model.ckpt-70"]
    files.write_text(model.folder / "pretrained training.pb", "")
    monkeypatch.chdir(model.folder)
    assert [one.name for one in graphs.find_all(model, "pretrained training.pb")] == ["pretrained training.pb"]


def test_a_tilde_that_names_no_user_is_part_of_the_name(model, monkeypatch):
    monkeypatch.chdir(model.folder)
    files.write_text(model.folder / "~old.pb", "")
    files.write_text(model.folder / "labels.txt", "bear\n")
    (found,) = graphs.find_all(model, "~old.pb")
    assert model.folder / "~old.pb" in found.files
    with pytest.raises(UserError, match=r"there is no graph ~nobody\.xyz"):
        graphs.find(model, "~nobody.xyz")


def test_what_is_not_there_is_refused_with_what_helps(model, tmp_path):
    for graph, words in (
        ("preterained", "there is no graph preterained; GRAPH takes training, checkpoint, best, pretrained,"),
        ("none.pb", r"none\.pb is not there; name another GRAPH"),
        (str(tmp_path), "is no SavedModel, which has a saved_model.pb"),
        (str(model.labels), r"labels\.txt is no file of a kind that can be evaluated; these are .*\.pb files"),
        ("model.ckpt-9", "no checkpoint model.ckpt-9 in"),
    ):
        with pytest.raises(UserError, match=words):
            graphs.find(model, graph)
    model.frozen_graph.unlink()
    with pytest.raises(UserError, match=r"frozen_inference_graph\.pb is not there; run: make export"):
        graphs.find(model, "exported")
    for file in model.best.iterdir():
        file.unlink()
    with pytest.raises(UserError, match=r"there is no best checkpoint in .* yet; train with EVAL_EVERY="):
        graphs.find(model, "best")


@pytest.mark.parametrize("graph", ["exported", "saved-model"])
def test_an_export_for_other_categories_is_not_evaluated(model, graph):
    label_map.write(model.label_map, LabelMap({1: "clock", 2: "stop sign"}))
    with pytest.raises(UserError, match="exported for bear, stop sign, the model is now for clock, stop sign"):
        graphs.find(model, graph)


def test_a_graph_has_the_labels_beside_it(tmp_path):
    (tmp_path / "labels.txt").write_text("zebra\n???\nstop sign\n")
    assert class_names.of(tmp_path / "some.pb", 3, CUT) == LabelMap({1: "zebra", 3: "stop sign"})


def test_without_labels_the_number_of_classes_tells(tmp_path):
    assert class_names.of(tmp_path / "some.pb", 90, CUT) == COCO
    assert class_names.of(tmp_path / "some.pb", 2, CUT) == CUT


def test_the_labels_of_a_saved_model_are_in_it_or_beside_it_or_told_by_its_classes(tmp_path):
    folder = tmp_path / "saved_model"
    folder.mkdir()
    assert class_names.of(folder, 90, CUT) == COCO
    (tmp_path / "labels.txt").write_text("zebra\n")
    assert class_names.of(folder, 90, CUT) == LabelMap({1: "zebra"})
    (folder / "labels.txt").write_text("bear\n")
    assert class_names.of(folder, 90, CUT) == LabelMap({1: "bear"})


def test_a_tflite_file_of_nobody_knows_whom_needs_a_labels_file_beside_it(model, tmp_path):
    path = tmp_path / "some.tflite"
    path.write_bytes(b"\x1c\0\0\0TFL3")
    found = graphs.find(model, str(path))
    assert found.files == (path,)
    with pytest.raises(
        UserError, match=r"some\.tflite does not name its classes, .* no labels\.txt beside it"
    ) as refused:
        found.open()
    assert "\n" not in str(refused.value)
    (tmp_path / "labels.txt").write_text("zebra\n")
    assert graphs.find(model, str(path)).files == (path, tmp_path / "labels.txt")


def test_an_onnx_file_of_nobody_knows_whom_is_refused_in_one_line(model, tmp_path):
    path = tmp_path / "some.onnx"
    onnx.save(onnx.ModelProto(ir_version=8), path)
    with pytest.raises(UserError, match=r"some\.onnx .*; ") as refused:
        graphs.find(model, str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("count", [3, None])
def test_a_graph_whose_classes_cannot_be_told_is_not_guessed_at(tmp_path, count):
    with pytest.raises(UserError, match=r"no labels\.txt beside it"):
        class_names.of(tmp_path / "some.pb", count, CUT)


def test_labels_survive_being_written_holes_included(tmp_path):
    for categories in (CUT, COCO):
        (tmp_path / "labels.txt").write_text(labels.to_text(categories))
        assert labels.read(tmp_path / "labels.txt") == categories
    assert (tmp_path / "labels.txt").read_text().splitlines()[89] == "toothbrush"


def test_an_export_for_other_categories_is_refused(tmp_path):
    model = Model(tmp_path / "some-model")
    label_map.write(model.label_map, CUT)
    model.inference_graph.mkdir(parents=True)
    model.labels.write_text(labels.to_text(CUT))
    assert inference_graph.exported_labels(model) == CUT
    label_map.write(model.label_map, LabelMap({1: "clock", 2: "stop sign"}))
    with pytest.raises(UserError, match="exported for bear, stop sign, the model is now for clock, stop sign"):
        inference_graph.exported_labels(model)
