"""Which classes of a model stay for a dataset, and when a model that is there already is not touched."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from support import TINY_PIPELINE
from todus import checkpoint
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import Dataset, Home, Model
from todus.zoo import archive, prepare, prepared
from todus.zoo.pipeline import Settings


@pytest.fixture
def limited(tmp_path) -> Dataset:
    return Home(tmp_path).dataset("limited")


@pytest.fixture
def complete(tmp_path) -> Dataset:
    return Home(tmp_path).dataset("complete")


def test_a_dataset_that_is_not_prepared_gets_the_verb_that_makes_it(limited, complete):
    with pytest.raises(UserError, match='run: make dataset-limited CATEGORIES="'):
        prepare.categories_of(limited)
    with pytest.raises(UserError, match=r"run: make dataset-complete$"):
        prepare.categories_of(complete)


@pytest.fixture
def model(tmp_path) -> Model:
    """A model whose training/ was begun for zebras and stop signs."""
    model = Home(tmp_path).model("ssd_mobilenet_v1_mini")
    label_map.write(model.label_map, ZEBRAS)
    return model


ZEBRAS = LabelMap({1: "stop sign", 2: "zebra"})
PERSONS = LabelMap({1: "person"})
AS_IT_IS = Settings()


def put_checkpoint(model: Model, step: int) -> None:
    for part in ("index", "data-00000-of-00001"):
        (model.training / f"model.ckpt-{step}.{part}").touch()


def test_training_for_other_categories_is_not_lost(model):
    put_checkpoint(model, 0)
    put_checkpoint(model, 120)
    with pytest.raises(UserError, match=r"holds 120 steps of training for other categories \(stop sign, zebra\); move"):
        prepare.refuse_to_lose_training(model, PERSONS)
    prepare.refuse_to_lose_training(model, ZEBRAS)


def test_where_nothing_was_trained_nothing_can_be_lost(model, tmp_path):
    put_checkpoint(model, 0)
    prepare.refuse_to_lose_training(model, PERSONS)
    prepare.refuse_to_lose_training(Home(tmp_path).model("never-made"), PERSONS)


@pytest.fixture
def unpacked(model, limited) -> Model:
    """A model whose archive is unpacked, beside a limited dataset with two categories."""
    files = {
        model.zoo_pipeline: TINY_PIPELINE,
        limited.manifest: json.dumps({"splits": {"val": {"images": 5}}, "parameters": {"masks": False}}),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    label_map.write(limited.label_map, ZEBRAS)
    return model


@pytest.fixture(scope="module")
def shapes() -> dict[str, list[int]]:
    """The variables of the tiny detector for two classes."""
    from todus.bridge import detection_model

    return detection_model.variable_shapes(pipelines.parse(TINY_PIPELINE.replace("num_classes: 90", "num_classes: 2")))


HEAD = "BoxPredictor_1/ClassPredictor/biases"


@pytest.mark.parametrize(
    ("change", "found"),
    [({}, None), ({HEAD: None}, "nothing"), ({HEAD: [6 * 4]}, r"\[24\]"), ({"more": [3]}, None)],
    ids=["equal", "missing", "another shape", "more than needed"],
)
def test_a_checkpoint_has_to_fit_its_pipeline(change, found, unpacked, limited, shapes):
    put = {name: shape for name, shape in {**shapes, **change}.items() if shape is not None}
    variables = {name: np.zeros(shape, np.float32) for name, shape in put.items()}
    checkpoint.write(unpacked.pretrained / "model.ckpt", {"x": np.zeros(1)})
    assert archive.checkpoint(unpacked).name == "model.ckpt"
    pipeline = prepare.configured_pipeline(prepare.current_pipeline(unpacked), unpacked, limited, ZEBRAS, AS_IT_IS)
    if found is None:
        prepare.require_variables(variables, unpacked, pipeline)
    else:
        with pytest.raises(UserError, match=rf"variable {HEAD} should be \[18\], the checkpoint has {found}"):
            prepare.require_variables(variables, unpacked, pipeline)


def test_a_model_is_prepared_when_pipeline_checkpoint_and_categories_are_those_of_the_dataset(
    unpacked, limited, complete, capsys
):
    assert not prepare.is_prepared(unpacked, limited, ZEBRAS, AS_IT_IS)
    before = prepare.current_pipeline(unpacked)
    prepare.write_pipeline(
        unpacked,
        before,
        prepare.configured_pipeline(prepare.current_pipeline(unpacked), unpacked, limited, ZEBRAS, AS_IT_IS),
    )
    assert "num_classes: 2" in capsys.readouterr().out
    assert not prepare.is_prepared(unpacked, limited, ZEBRAS, AS_IT_IS), (
        "without a checkpoint there is nothing to start from"
    )
    put_checkpoint(unpacked, 0)
    assert prepare.is_prepared(unpacked, limited, ZEBRAS, AS_IT_IS)
    assert not prepare.is_prepared(unpacked, limited, PERSONS, AS_IT_IS)
    complete.manifest.parent.mkdir(parents=True)
    shutil.copy(limited.manifest, complete.manifest)
    assert not prepare.is_prepared(unpacked, complete, ZEBRAS, AS_IT_IS)


def full_checkpoint(model: Model) -> None:
    """The archive's checkpoint: the tiny detector's variables for 90 classes, all zero."""
    from todus.bridge import detection_model

    shapes = detection_model.variable_shapes(pipelines.parse(TINY_PIPELINE))
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    checkpoint.write(model.pretrained / "model.ckpt", zeros)


def test_a_cut_that_is_broken_off_leaves_a_model_that_is_not_prepared(unpacked, limited, monkeypatch):
    full_checkpoint(unpacked)
    prepare.configure(unpacked, limited, ZEBRAS, AS_IT_IS)
    prepared.require_model(unpacked)
    edited = unpacked.pipeline.read_text().replace("batch_size: 8", "batch_size: 5")
    unpacked.pipeline.write_text(edited)
    label_map.write(limited.label_map, PERSONS)

    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write", broken_off)
    with pytest.raises(KeyboardInterrupt):
        prepare.configure(unpacked, limited, PERSONS, AS_IT_IS)
    monkeypatch.undo()
    assert not prepare.is_prepared(unpacked, limited, PERSONS, AS_IT_IS)
    with pytest.raises(UserError, match="is not prepared"):
        prepared.require_model(unpacked)

    prepare.configure(unpacked, limited, PERSONS, AS_IT_IS)
    assert prepare.is_prepared(unpacked, limited, PERSONS, AS_IT_IS)
    assert "batch_size: 5" in unpacked.pipeline.read_text(), "the user's edits are kept"
    assert "num_classes: 1" in unpacked.pipeline.read_text()
    assert not unpacked.replaced_pipeline.exists()
    assert checkpoint.shapes(checkpoint.at_step(unpacked.training, 0))[HEAD] == [6 * 2]


@pytest.mark.parametrize("then", [ZEBRAS, PERSONS], ids=["back to the first", "again"])
def test_a_cut_that_is_broken_off_is_never_taken_for_another(then, unpacked, limited, monkeypatch):
    full_checkpoint(unpacked)
    prepare.configure(unpacked, limited, ZEBRAS, AS_IT_IS)

    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    label_map.write(limited.label_map, PERSONS)
    monkeypatch.setattr(prepare, "say_what_was_kept", broken_off)  # the cut for persons is written by then
    with pytest.raises(KeyboardInterrupt):
        prepare.configure(unpacked, limited, PERSONS, AS_IT_IS)
    monkeypatch.undo()
    label_map.write(limited.label_map, then)
    prepare.configure(unpacked, limited, then, AS_IT_IS)
    assert checkpoint.shapes(checkpoint.at_step(unpacked.training, 0))[HEAD] == [6 * (1 + len(then))]
    assert label_map.read(unpacked.label_map) == then


def test_other_settings_write_the_pipeline_only(unpacked, limited, capsys):
    full_checkpoint(unpacked)
    prepare.configure(unpacked, limited, ZEBRAS, AS_IT_IS)
    unpacked.pipeline.write_text(unpacked.pipeline.read_text().replace("batch_size: 8", "batch_size: 5"))
    cut = {path: path.stat().st_mtime_ns for path in unpacked.training.iterdir()}
    capsys.readouterr()
    quantized = Settings(quantize=True, quant_delay=300)
    assert not prepare.is_prepared(unpacked, limited, ZEBRAS, quantized)
    prepare.configure(unpacked, limited, ZEBRAS, quantized)
    told = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert any("delay: 300" in line for line in told)
    assert all(line.startswith("+") for line in told), "nothing of the user's was taken away"
    assert {path: path.stat().st_mtime_ns for path in unpacked.training.iterdir()} == cut
    assert prepare.is_prepared(unpacked, limited, ZEBRAS, quantized)
    assert prepare.is_prepared(unpacked, limited, ZEBRAS, AS_IT_IS), "what was set stays"
    assert "batch_size: 5" in unpacked.pipeline.read_text()


def test_a_category_that_the_model_never_saw_starts_untrained_and_the_others_trained(unpacked, limited, capsys):
    full_checkpoint(unpacked)
    prefix = unpacked.pretrained / "model.ckpt"
    variables = {name: values + 7 for name, values in checkpoint.read(prefix).items() if values.dtype == np.float32}
    checkpoint.write(prefix, variables)
    categories = LabelMap({1: "unicorn", 2: "zebra"})
    label_map.write(limited.label_map, categories)
    prepare.configure(unpacked, limited, categories, AS_IT_IS)
    assert "has never seen unicorn: to be trained first (zebra keep" in capsys.readouterr().out
    cut = checkpoint.read(checkpoint.at_step(unpacked.training, 0))
    head = cut[HEAD.replace("biases", "weights")]
    columns = head.reshape(-1, 6, 3)
    assert (columns[..., [0, 2]] == 7).all()
    assert (np.abs(columns[..., 1]) < 1).all()
    assert columns[..., 1].std() > 0
    assert (cut[HEAD].reshape(6, 3)[:, [0, 2]] == 7).all()
