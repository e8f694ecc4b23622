"""Which classes of a model stay for a dataset, and when a model that is there already is not touched."""

from __future__ import annotations

import json

import numpy as np
import pytest

from support import TINY_PIPELINE
from todus import checkpoint
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import COCO_LABEL_MAP, Dataset, Home, Model
from todus.zoo import archive, prepare, prepared


@pytest.fixture
def limited(tmp_path) -> Dataset:
    return Home(tmp_path).dataset("limited")


@pytest.fixture
def complete(tmp_path) -> Dataset:
    return Home(tmp_path).dataset("complete")


def test_categories_are_found_by_name_whatever_the_dataset_numbers_them(limited):
    categories = LabelMap({1: "zebra", 2: "person", 7: "stop sign"})
    assert prepare.kept_classes(limited, categories, 90) == [24, 1, 13]


def test_a_category_that_the_model_does_not_know_is_refused(limited, complete):
    categories = LabelMap({1: "zebra", 2: "unicorn", 3: "griffin"})
    for dataset in (limited, complete):
        with pytest.raises(UserError, match="does not know unicorn, griffin, only COCO's 80"):
            prepare.kept_classes(dataset, categories, 90)


def test_a_complete_dataset_keeps_every_class(complete):
    assert prepare.kept_classes(complete, label_map.read(COCO_LABEL_MAP), 90) == list(range(1, 91))
    assert prepare.kept_classes(complete, LabelMap({1: "person", 24: "zebra"}), 90) == list(range(1, 91))


def test_a_complete_dataset_with_ids_of_its_own_is_refused(complete):
    with pytest.raises(UserError, match="number zebra otherwise than COCO"):
        prepare.kept_classes(complete, LabelMap({1: "person", 2: "zebra"}), 90)


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
    files = {model.zoo_pipeline: TINY_PIPELINE, limited.manifest: json.dumps({"splits": {"val": {"images": 5}}})}
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
    pipeline = prepare.configured_pipeline(unpacked, limited, ZEBRAS)
    if found is None:
        prepare.require_variables(variables, unpacked, pipeline)
    else:
        with pytest.raises(UserError, match=rf"variable {HEAD} should be \[18\], the checkpoint has {found}"):
            prepare.require_variables(variables, unpacked, pipeline)


def test_a_model_is_prepared_when_pipeline_checkpoint_and_categories_are_those_of_the_dataset(
    unpacked, limited, complete, capsys
):
    assert not prepare.is_prepared(unpacked, limited, ZEBRAS)
    prepare.write_pipeline(unpacked, prepare.configured_pipeline(unpacked, limited, ZEBRAS))
    assert "num_classes: 2" in capsys.readouterr().out
    assert not prepare.is_prepared(unpacked, limited, ZEBRAS), "without a checkpoint there is nothing to start from"
    put_checkpoint(unpacked, 0)
    assert prepare.is_prepared(unpacked, limited, ZEBRAS)
    assert not prepare.is_prepared(unpacked, limited, PERSONS)
    assert not prepare.is_prepared(unpacked, complete, ZEBRAS)


def full_checkpoint(model: Model) -> None:
    """The archive's checkpoint: the tiny detector's variables for 90 classes, all zero."""
    from todus.bridge import detection_model

    shapes = detection_model.variable_shapes(pipelines.parse(TINY_PIPELINE))
    zeros = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    checkpoint.write(model.pretrained / "model.ckpt", zeros)


def test_a_cut_that_is_broken_off_leaves_a_model_that_is_not_prepared(unpacked, limited, monkeypatch):
    full_checkpoint(unpacked)
    prepare.configure(unpacked, limited, ZEBRAS)
    prepared.require_model(unpacked)
    edited = unpacked.pipeline.read_text().replace("batch_size: 8", "batch_size: 5")
    unpacked.pipeline.write_text(edited)
    label_map.write(limited.label_map, PERSONS)

    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write", broken_off)
    with pytest.raises(KeyboardInterrupt):
        prepare.configure(unpacked, limited, PERSONS)
    monkeypatch.undo()
    assert not prepare.is_prepared(unpacked, limited, PERSONS)
    with pytest.raises(UserError, match="is not prepared"):
        prepared.require_model(unpacked)

    prepare.configure(unpacked, limited, PERSONS)
    assert prepare.is_prepared(unpacked, limited, PERSONS)
    assert unpacked.replaced_pipeline.read_text() == edited, "the user's edits are kept"


def test_a_model_of_other_classes_than_coco_s_is_refused(limited):
    for count in (2, 601):
        with pytest.raises(UserError, match=f"{count} classes"):
            prepare.kept_classes(limited, ZEBRAS, count)
