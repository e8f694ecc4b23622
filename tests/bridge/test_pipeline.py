"""pipeline.config: paths that can be moved, and files that are not what they should be."""

from __future__ import annotations

import shutil

import pytest

from support import TINY_PIPELINE
from todus.bridge import pipeline as pipelines
from todus.errors import UserError


@pytest.fixture
def pipeline(tmp_path) -> pipelines.Pipeline:
    """A pipeline in memory, with the paths of the tree tmp_path/tree."""
    tree = tmp_path / "tree"
    pipeline = pipelines.parse(TINY_PIPELINE)
    pipeline.train_config.fine_tune_checkpoint = str(tree / "model" / "x" / "training" / "model.ckpt-0")
    for reader, split in ((pipeline.train_input_reader, "train"), (pipeline.eval_input_reader[0], "val")):
        reader.label_map_path = str(tree / "dataset" / "label_map.pbtxt")
        reader.tf_record_input_reader.input_path[:] = [str(tree / "dataset" / f"{split}.record-?????-of-00002")]
    return pipeline


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tree" / "model" / "x" / "pretrained" / "pipeline.config"


def paths_of(pipeline: pipelines.Pipeline) -> list[str]:
    readers = [pipeline.train_input_reader, *pipeline.eval_input_reader]
    return [
        pipeline.train_config.fine_tune_checkpoint,
        *(reader.label_map_path for reader in readers),
        *(value for reader in readers for value in reader.tf_record_input_reader.input_path),
    ]


def test_paths_are_relative_in_the_file_and_absolute_in_memory(pipeline, path, tmp_path):
    before = pipelines.copy(pipeline)
    pipelines.save(pipeline, path)
    text = path.read_text()
    assert str(tmp_path) not in text
    assert 'fine_tune_checkpoint: "../training/model.ckpt-0"' in text
    assert 'label_map_path: "../../../dataset/label_map.pbtxt"' in text
    assert 'input_path: "../../../dataset/val.record-?????-of-00002"' in text
    assert pipeline == before, "saving must not change what is saved"
    assert pipelines.load(path) == pipeline


def test_a_tree_that_was_moved_still_finds_its_files(pipeline, path, tmp_path):
    pipelines.save(pipeline, path)
    shutil.move(tmp_path / "tree", tmp_path / "elsewhere")
    moved = pipelines.load(tmp_path / "elsewhere" / path.relative_to(tmp_path / "tree"))
    for old, new in zip(paths_of(pipeline), paths_of(moved), strict=True):
        assert new == old.replace(f"{tmp_path}/tree/", f"{tmp_path}/elsewhere/")
        assert new != old


def test_it_does_not_matter_from_where_a_relative_path_is_loaded(pipeline, path, monkeypatch):
    pipelines.save(pipeline, path)
    monkeypatch.chdir(path.parent.parent)
    assert pipelines.load(path.relative_to(path.parent.parent)) == pipeline


def test_absolute_paths_in_a_file_stay(pipeline, path):
    path.parent.mkdir(parents=True)
    path.write_text(TINY_PIPELINE.replace("PATH_TO_BE_CONFIGURED/coco_train", "/data/coco_train"))
    assert paths_of(pipelines.load(path))[3] == "/data/coco_train.record-?????-of-00100"


OLD = TINY_PIPELINE.replace("eval_config {", "eval_config { no_longer_there { deep: 3 } ") + "\nalso_gone: 7\n"


def test_fields_that_are_gone_from_the_api_are_left_out_of_the_zoo_s_pipeline_and_told_when_asked(path, capsys):
    path = path.with_name("pipeline.config.zoo")
    path.parent.mkdir(parents=True)
    path.write_text(OLD)
    first, second = pipelines.load(path), pipelines.load(path)
    assert first == second
    assert first.eval_config == pipelines.parse(TINY_PIPELINE).eval_config
    assert capsys.readouterr().out == ""
    pipelines.tell_what_is_left_out(path)
    (told,) = capsys.readouterr().out.splitlines()
    assert str(path) in told
    line = next(number for number, text in enumerate(OLD.splitlines(), start=1) if "no_longer_there" in text)
    assert f"line {line}: EvalConfig has no field no_longer_there; line " in told
    assert told.endswith("TrainEvalPipelineConfig has no field also_gone")


def test_the_zoo_s_batch_norm_trainable_does_no_harm(path, capsys):
    path = path.with_name("pipeline.config.zoo")
    path.parent.mkdir(parents=True)
    path.write_text(TINY_PIPELINE.replace("feature_extractor {", "feature_extractor { batch_norm_trainable: true ", 1))
    assert pipelines.load(path).model == pipelines.parse(TINY_PIPELINE).model
    pipelines.tell_what_is_left_out(path)
    assert "SsdFeatureExtractor has no field batch_norm_trainable" in capsys.readouterr().out


def test_a_pipeline_of_today_has_nothing_to_tell(path, pipeline, capsys):
    pipelines.save(pipeline, path.with_name("pipeline.config.zoo"))
    pipelines.tell_what_is_left_out(path.with_name("pipeline.config.zoo"))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("batch_size", "bacth_size", "TrainConfig has no field bacth_size; did you mean batch_size?"),
        ("eval_config {", "eval_config { zzz: 1 ", "EvalConfig has no field zzz; correct it or take it out"),
    ],
)
def test_a_slip_in_the_user_s_own_pipeline_is_told_with_its_line(right, wrong, message, path):
    path.parent.mkdir(parents=True)
    path.write_text(TINY_PIPELINE.replace(right, wrong))
    line = next(number for number, text in enumerate(path.read_text().splitlines(), start=1) if wrong in text)
    with pytest.raises(UserError) as refused:
        pipelines.load(path)
    assert str(refused.value) == f"{path}, line {line}: {message}"


def test_unknown_fields_are_told_from_what_only_looks_like_them():
    text = """
        model { # brackets { and names: of comments
          ssd { feature_extractor { type: "strings { may: \\" hold" # anything: {
            depth_multipler # odd, but
              : 1.0
            gone < deep: [1, 2] deeper { type: '}' } > listed: [ { a: 1 }, { b: 2 } ]
            conv_hyperparams: { activation: RELU_6, regularizer { l2_regularizer < weight: 1e-5 > } } } } }
        eval_input_reader: [ { shufle: true }, { shuffle: false; num_reders: 1 } ]
        train_config: { batch_size: 3 # Note: a remark
          optimizer { adam_optimizer: {} averaging: false } }
    """
    pipelines.parse(text)
    found = [(field.line, field.message, field.name) for field in pipelines.unknown_fields(text)]
    assert found == [
        (4, "SsdFeatureExtractor", "depth_multipler"),
        (6, "SsdFeatureExtractor", "gone"),
        (6, "SsdFeatureExtractor", "listed"),
        (8, "InputReader", "shufle"),
        (8, "InputReader", "num_reders"),
        (10, "Optimizer", "averaging"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        *(b"model { ssd {", b"model { ssd { num_classes: many } }", b"\xff\xfe\x00", b"<html></html>"),
        b"x {" * 5000 + b"}" * 5000,
    ],
    ids=["cut off", "not a number", "not text", "not a pipeline", "made to recurse"],
)
def test_what_is_not_a_pipeline_is_refused_by_name(path, content):
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(UserError, match="is not a pipeline") as refused:
        pipelines.load(path)
    assert str(path) in str(refused.value)


def test_a_pipeline_that_is_not_there_is_refused(path):
    with pytest.raises(UserError, match="make model"):
        pipelines.load(path)


def test_what_is_shipped_hides_where_it_was_made(pipeline, tmp_path):
    text = pipelines.as_shipped(pipeline)
    assert str(tmp_path) not in text
    shipped = pipelines.parse(text)
    assert paths_of(shipped) == [f"PATH_TO_BE_CONFIGURED/{p.rpartition('/')[2]}" for p in paths_of(pipeline)]
    assert shipped.model == pipeline.model
    assert str(tmp_path) in pipelines.copy(pipeline).train_input_reader.label_map_path


def test_a_pipeline_without_readers_is_no_trouble(path):
    bare = pipelines.parse("model { ssd { num_classes: 3 } }")
    pipelines.save(bare, path)
    assert pipelines.load(path) == bare
    assert not pipelines.load(path).HasField("train_input_reader")


def test_the_meta_architecture_is_told():
    assert pipelines.meta_architecture(pipelines.parse(TINY_PIPELINE)) == "ssd"
    assert pipelines.meta_architecture(pipelines.parse("model { faster_rcnn { num_classes: 3 } }")) == "faster_rcnn"
    assert pipelines.meta_architecture(pipelines.Pipeline()) == "none"
