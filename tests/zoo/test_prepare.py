"""Which classes of a model stay for a dataset, and when a model that is there already is not touched."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile

import numpy as np
import pytest

from support import TINY_PIPELINE
from todus import checkpoint, files
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError, WorldError
from todus.layout import SHARDS, Dataset, Home, Model
from todus.zoo import archive, configuring, prepare, prepared
from todus.zoo.pipeline import Settings


@pytest.fixture
def limited(tmp_path) -> Dataset:
    return Home(tmp_path).dataset("limited")


@pytest.fixture
def complete(tmp_path) -> Dataset:
    return Home(tmp_path).dataset("complete")


def test_a_dataset_that_is_not_prepared_gets_the_verb_that_makes_it(limited, complete, tmp_path):
    with pytest.raises(UserError, match='run: make dataset-limited CATEGORIES="'):
        prepare.categories_of(limited)
    with pytest.raises(UserError, match=rf"run: make dataset-complete TODUS_HOME={tmp_path}$"):
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
    written = {
        model.zoo_pipeline: TINY_PIPELINE,
        limited.manifest: json.dumps({"splits": {"val": {"images": 5}}, "parameters": {"masks": False}}),
    }
    for path, text in written.items():
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
    pipeline = configuring.configured_pipeline(
        configuring.current_pipeline(unpacked), unpacked, limited, ZEBRAS, AS_IT_IS
    )
    if found is None:
        configuring.require_variables(variables, unpacked, pipeline)
    else:
        with pytest.raises(UserError, match=rf"variable {HEAD} should be \[18\], the checkpoint has {found}"):
            configuring.require_variables(variables, unpacked, pipeline)


def test_a_model_is_prepared_when_pipeline_checkpoint_and_categories_are_those_of_the_dataset(
    unpacked, limited, complete, capsys
):
    assert not prepare.is_prepared(unpacked, limited, ZEBRAS, AS_IT_IS)
    before = configuring.current_pipeline(unpacked)
    configuring.write_pipeline(
        unpacked,
        before,
        configuring.configured_pipeline(configuring.current_pipeline(unpacked), unpacked, limited, ZEBRAS, AS_IT_IS),
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
    configuring.configure(unpacked, limited, ZEBRAS, AS_IT_IS)
    prepared.require_model(unpacked)
    edited = unpacked.pipeline.read_text().replace("batch_size: 8", "batch_size: 5")
    unpacked.pipeline.write_text(edited)
    label_map.write(limited.label_map, PERSONS)

    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "write", broken_off)
    with pytest.raises(KeyboardInterrupt):
        configuring.configure(unpacked, limited, PERSONS, AS_IT_IS)
    monkeypatch.undo()
    assert not prepare.is_prepared(unpacked, limited, PERSONS, AS_IT_IS)
    with pytest.raises(UserError, match="is not prepared"):
        prepared.require_model(unpacked)

    configuring.configure(unpacked, limited, PERSONS, AS_IT_IS)
    assert prepare.is_prepared(unpacked, limited, PERSONS, AS_IT_IS)
    assert "batch_size: 5" in unpacked.pipeline.read_text(), "the user's edits are kept"
    assert "num_classes: 1" in unpacked.pipeline.read_text()
    assert not unpacked.replaced_pipeline.exists()
    assert checkpoint.shapes(checkpoint.at_step(unpacked.training, 0))[HEAD] == [6 * 2]


@pytest.mark.parametrize("then", [ZEBRAS, PERSONS], ids=["back to the first", "again"])
def test_a_cut_that_is_broken_off_is_never_taken_for_another(then, unpacked, limited, monkeypatch):
    full_checkpoint(unpacked)
    configuring.configure(unpacked, limited, ZEBRAS, AS_IT_IS)

    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    label_map.write(limited.label_map, PERSONS)
    monkeypatch.setattr(configuring, "say_what_was_kept", broken_off)  # the cut for persons is written by then
    with pytest.raises(KeyboardInterrupt):
        configuring.configure(unpacked, limited, PERSONS, AS_IT_IS)
    monkeypatch.undo()
    label_map.write(limited.label_map, then)
    configuring.configure(unpacked, limited, then, AS_IT_IS)
    assert checkpoint.shapes(checkpoint.at_step(unpacked.training, 0))[HEAD] == [6 * (1 + len(then))]
    assert label_map.read(unpacked.label_map) == then


def test_other_settings_write_the_pipeline_only(unpacked, limited, capsys):
    full_checkpoint(unpacked)
    configuring.configure(unpacked, limited, ZEBRAS, AS_IT_IS)
    unpacked.pipeline.write_text(unpacked.pipeline.read_text().replace("batch_size: 8", "batch_size: 5"))
    cut = {path: path.stat().st_mtime_ns for path in unpacked.training.iterdir()}
    capsys.readouterr()
    quantized = Settings(quantize=True, quant_delay=300)
    assert not prepare.is_prepared(unpacked, limited, ZEBRAS, quantized)
    configuring.configure(unpacked, limited, ZEBRAS, quantized)
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
    configuring.configure(unpacked, limited, categories, AS_IT_IS)
    assert "has never seen unicorn: to be trained first (zebra keep" in capsys.readouterr().out
    cut = checkpoint.read(checkpoint.at_step(unpacked.training, 0))
    head = cut[HEAD.replace("biases", "weights")]
    columns = head.reshape(-1, 6, 3)
    assert (columns[..., [0, 2]] == 7).all()
    assert (np.abs(columns[..., 1]) < 1).all()
    assert columns[..., 1].std() > 0
    assert (cut[HEAD].reshape(6, 3)[:, [0, 2]] == 7).all()


def test_a_head_of_other_numbers_is_refused_here_and_not_by_tensorflow_later(unpacked, limited):
    full_checkpoint(unpacked)
    prefix = unpacked.pretrained / "model.ckpt"
    variables = checkpoint.read(prefix)
    checkpoint.write(prefix, {**variables, HEAD: variables[HEAD].astype(np.int32)})
    with pytest.raises(UserError, match=rf"variable {HEAD} should be float32, the checkpoint has int32"):
        configuring.configure(unpacked, limited, ZEBRAS, AS_IT_IS)


def test_what_the_user_s_edit_has_broken_is_not_blamed_on_the_archive(unpacked, limited):
    full_checkpoint(unpacked)
    configuring.configure(unpacked, limited, ZEBRAS, AS_IT_IS)
    edited = unpacked.pipeline.read_text().replace("depth_multiplier: 0.", "depth_multiplier: 1.")
    assert edited != unpacked.pipeline.read_text()
    unpacked.pipeline.write_text(edited)
    label_map.write(limited.label_map, PERSONS)
    with pytest.raises(UserError, match=r"does not fit \S*/pipeline\.config: .*; correct it, or delete it"):
        configuring.configure(unpacked, limited, PERSONS, AS_IT_IS)
    assert unpacked.pipeline.read_text() == edited
    assert label_map.read(unpacked.label_map) == ZEBRAS, "nothing has been changed"


def archive_of(unpacked: Model, name: str, home: Home) -> Model:
    """Another model, whose archive holds what is unpacked."""
    packed = {path.name: path.read_bytes() for path in unpacked.pretrained.iterdir()}
    packed["pipeline.config"] = packed.pop("pipeline.config.zoo")
    home.model_archives.mkdir(parents=True)
    with tarfile.open(home.model_archives / f"{name}.tar.gz", "w:gz") as tar:
        for file, content in packed.items():
            member = tarfile.TarInfo(file)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return home.model(name)


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def make(model: Model, dataset: Dataset, home: Home, settings: Settings = AS_IT_IS) -> None:
    prepare.prepare(model, dataset, "file:///nowhere", home, settings)


def test_files_of_the_user_s_are_never_unpacked_over(unpacked, limited, home):
    full_checkpoint(unpacked)
    for name in ("mine", "other"):  # one that the zoo has, one that it has not
        (home.model(name).pretrained / "mine").mkdir(parents=True)
        (home.model(name).pretrained / "mine" / "model.ckpt.index").write_text("x")
    for model in (archive_of(unpacked, "mine", home), home.model("other")):
        with pytest.raises(UserError, match=r"holds files but no pipeline\.config"):
            make(model, limited, home)
        assert (model.pretrained / "mine" / "model.ckpt.index").read_text() == "x"


def nest(unpacked: Model) -> None:
    unpacked.zoo_pipeline.write_text("x {" * 5000 + "}" * 5000)


def make_scalar(unpacked: Model) -> None:
    prefix = unpacked.pretrained / "model.ckpt"
    checkpoint.write(prefix, {**checkpoint.read(prefix), HEAD: np.float32(1)})


def garble(unpacked: Model) -> None:
    (unpacked.pretrained / "model.ckpt.index").write_bytes(b"garbage" * 99)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (nest, "cannot be used: pipeline.config.zoo is not a pipeline"),
        (make_scalar, f"cannot be used: the class head {HEAD} has no outputs"),
        (garble, "cannot be used: checkpoint model.ckpt cannot be read"),
    ],
)
def test_an_unfit_archive_is_named_and_leaves_nothing(harm, words, unpacked, limited, home):
    full_checkpoint(unpacked)
    harm(unpacked)
    model = archive_of(unpacked, "new", home)
    with pytest.raises(UserError, match=re.escape(words)) as refused:
        make(model, limited, home)
    assert str(home.model_archives / "new.tar.gz") in str(refused.value)
    assert str(refused.value).endswith("; delete it to fetch it anew")
    assert str(model.pretrained) not in str(refused.value)
    assert not model.folder.exists()


def test_whatever_goes_wrong_leaves_nothing(unpacked, limited, home, monkeypatch):
    full_checkpoint(unpacked)
    model = archive_of(unpacked, "new", home)
    monkeypatch.setattr(configuring, "require_variables", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make(model, limited, home)
    assert not model.folder.exists()


def test_settings_that_contradict_each_other_are_not_the_archive_s_fault(unpacked, limited, home):
    full_checkpoint(unpacked)
    model = archive_of(unpacked, "new", home)
    with pytest.raises(UserError, match=r"^QUANT_DELAY needs"):
        make(model, limited, home, Settings(quant_delay=5))
    assert not model.folder.exists()


def test_a_model_that_is_being_trained_is_not_touched(unpacked, limited, home):
    full_checkpoint(unpacked)
    configuring.configure(unpacked, limited, ZEBRAS, AS_IT_IS)
    label_map.write(limited.label_map, PERSONS)
    before = {path: path.stat().st_mtime_ns for path in unpacked.folder.rglob("*") if path.is_file()}
    with files.locked(unpacked.training), pytest.raises(WorldError, match="is at work in"):
        make(unpacked, limited, home)
    assert {path: path.stat().st_mtime_ns for path in unpacked.folder.rglob("*") if path.is_file()} == before
    make(unpacked, limited, home)
    assert label_map.read(unpacked.label_map) == PERSONS


def test_what_killed_cuts_have_left_is_swept(unpacked, limited, home):
    full_checkpoint(unpacked)
    leftover = unpacked.training / ".model.ckpt-0.unfinished-1.data-00000-of-00001"
    leftover.touch()
    make(unpacked, limited, home)
    assert not leftover.exists()


def test_a_label_map_that_is_gone_is_made_again_unless_training_would_be_lost(unpacked, limited, home):
    full_checkpoint(unpacked)
    configuring.configure(unpacked, limited, ZEBRAS, AS_IT_IS)
    unpacked.label_map.unlink()
    with pytest.raises(UserError, match=r"is not prepared; run: make model MODEL=\S+ TODUS_HOME="):
        prepared.require_model(unpacked)
    make(unpacked, limited, home)
    prepared.require_model(unpacked)
    unpacked.label_map.unlink()
    put_checkpoint(unpacked, 120)
    with pytest.raises(UserError, match=r"120 steps of training, but label_map\.pbtxt, .* is gone"):
        make(unpacked, limited, home)


def test_what_is_next_depends_on_what_is_known_already(unpacked, limited, home, capsys):
    full_checkpoint(unpacked)
    make(unpacked, limited, home)
    prepare.say_what_is_next(unpacked)
    there = f"MODEL={unpacked.name} TODUS_HOME={home.folder}"
    assert capsys.readouterr().out.endswith(f"next: make eval {there}  (no training needed)\n")
    label_map.write(limited.label_map, LabelMap({1: "unicorn", 2: "Zebra"}))
    make(unpacked, limited, home)
    put_split(limited, "train")
    put_split(limited, "val")
    capsys.readouterr()
    prepare.say_what_is_next(unpacked)
    assert capsys.readouterr().out == f"next: make train {there}  (unicorn cannot be detected without)\n"
    put_checkpoint(unpacked, 7)
    prepare.say_what_is_next(unpacked)
    assert capsys.readouterr().out == f"next: make eval {there}\n"


def put_split(dataset: Dataset, split: str) -> None:
    for path in (dataset.annotations(split), *(dataset.record(split, shard) for shard in range(SHARDS[split]))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("trained", "remedy"), [(0, "make model MODEL="), (9, 'make dataset-limited CATEGORIES="stop')]
)
def test_of_other_categories_the_remedy_is_one_that_works(trained, remedy, unpacked, limited, home):
    full_checkpoint(unpacked)
    make(unpacked, limited, home)
    put_checkpoint(unpacked, trained)
    label_map.write(limited.label_map, PERSONS)
    with pytest.raises(prepared.NotReadyError) as refused:
        prepared.require(unpacked, "val")
    assert refused.value.remedy.startswith(remedy)
    assert refused.value.remedy.endswith(f" TODUS_HOME={home.folder}")
    assert str(refused.value).endswith(f"; run: {refused.value.remedy}")


def test_a_remedy_names_what_the_dataset_was_made_with(limited, complete, home):
    limited.manifest.parent.mkdir(parents=True)
    parameters = {"splits": ["train", "val", "testdev"], "negatives": 0.1, "masks": False}
    limited.manifest.write_text(json.dumps({"parameters": parameters}))
    there = f" TODUS_HOME={home.folder}"
    made = prepared.make_dataset(limited, ZEBRAS, masks=True)
    wanted = 'make dataset-limited CATEGORIES="stop sign, zebra" SPLITS="train val testdev" NEGATIVES=0.1 MASKS=1'
    assert made == wanted + there
    assert prepared.make_dataset(complete, ZEBRAS) == "make dataset-complete" + there
    assert prepared.make_model(home.model("x"), complete) == f"make model MODEL=x{there} DATASET=complete"


@pytest.mark.parametrize("name", ["../zz", "a/b", "..", ".hidden", "/tmp/x"])
def test_a_path_is_no_name(name, home):
    with pytest.raises(UserError, match="MODEL is a name, not a path"):
        prepare.require_name(name, home)


def test_a_model_cannot_lie_where_the_archives_do(home):
    with pytest.raises(UserError, match="'archives': that folder is for archives"):
        prepare.require_name("archives", home)
    prepare.require_name("my_model.v2", home)
