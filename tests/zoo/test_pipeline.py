"""The pipeline that `make model` writes: what it sets, what it leaves, and which models it refuses."""

from __future__ import annotations

import pytest

from support import TINY_PIPELINE
from todus.bridge import pipeline as pipelines
from todus.errors import UserError
from todus.layout import Home
from todus.zoo import pipeline as zoo_pipeline


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path)


def configured(shipped: pipelines.Pipeline, home: Home) -> pipelines.Pipeline:
    start = home.model("x").training / "model.ckpt-0"
    base = zoo_pipeline.for_one_machine(shipped)
    return zoo_pipeline.configure(base, home.dataset("limited"), 3, validation_images=41, start=start)


def test_it_trains_and_evaluates_on_the_dataset(home):
    ready = configured(pipelines.parse(TINY_PIPELINE), home)
    folder = home.dataset("limited").folder
    assert ready.model.ssd.num_classes == 3
    (evaluation,) = ready.eval_input_reader
    for reader, records in (
        (ready.train_input_reader, "coco_train.record-?????-of-00100"),
        (evaluation, "coco_val.record-?????-of-00050"),
    ):
        assert list(reader.tf_record_input_reader.input_path) == [str(folder / records)]
        assert reader.label_map_path == str(folder / "mscoco_label_map.pbtxt")
    assert ready.eval_config.num_examples == 41
    assert not ready.eval_config.HasField("max_evals")


def test_training_starts_from_the_whole_detector(home):
    train = configured(pipelines.parse(TINY_PIPELINE), home).train_config
    assert train.fine_tune_checkpoint == str(home.model("x").training / "model.ckpt-0")
    assert train.fine_tune_checkpoint_type == "detection"
    assert train.from_detection_checkpoint
    assert train.load_all_detection_checkpoint_vars, "without it the API restores the backbone only, and says nothing"


def test_nothing_else_is_changed_and_the_shipped_one_not_at_all(home):
    shipped = pipelines.parse(TINY_PIPELINE)
    ready = configured(shipped, home)
    assert shipped == pipelines.parse(TINY_PIPELINE)
    ready.model.ssd.num_classes = shipped.model.ssd.num_classes
    assert ready.model == shipped.model
    for name in ("batch_size", "num_steps", "optimizer", "data_augmentation_options"):
        assert getattr(ready.train_config, name) == getattr(shipped.train_config, name)


@pytest.mark.parametrize("before", [0, 1, 2])
def test_there_is_one_evaluation_reader_however_many_there_were(before, home):
    shipped = pipelines.parse(TINY_PIPELINE)
    del shipped.eval_input_reader[:]
    for _ in range(before):
        shipped.eval_input_reader.add(label_map_path="x", shuffle=False)
    (reader,) = configured(shipped, home).eval_input_reader
    assert reader.label_map_path == str(home.dataset("limited").label_map)
    assert not reader.shuffle


@pytest.mark.parametrize(("extractor", "told"), [("ssd_inception_v2", True), ("ssd_mobilenet_v2", False)])
def test_inception_is_told_to_take_its_settings_from_the_pipeline(extractor, told, home):
    shipped = pipelines.parse(TINY_PIPELINE)
    shipped.model.ssd.feature_extractor.type = extractor
    shipped.model.ssd.feature_extractor.ClearField("override_base_feature_extractor_hyperparams")
    extractor = configured(shipped, home).model.ssd.feature_extractor
    assert extractor.override_base_feature_extractor_hyperparams == told


def test_a_family_that_cannot_be_cut_is_refused(home):
    with pytest.raises(UserError, match="this is a center_net model; only SSD, Faster R-CNN"):
        configured(pipelines.parse("model { center_net { num_classes: 90 } }"), home)


FASTER_RCNN = """
model { faster_rcnn { num_classes: 90 feature_extractor { type: "faster_rcnn_inception_v2" } PREDICTOR } }
train_config { batch_size: 1 }
train_input_reader { label_map_path: "PATH_TO_BE_CONFIGURED/x" }
eval_config { num_examples: 8000 max_evals: 10 }
"""
MASKS = "second_stage_box_predictor { mask_rcnn_box_predictor { predict_instance_masks: true } }"


@pytest.mark.parametrize(("predictor", "reads_masks"), [("", False), (MASKS, True)])
def test_faster_and_mask_rcnn(predictor, reads_masks, home):
    ready = configured(pipelines.parse(FASTER_RCNN.replace("PREDICTOR", predictor)), home)
    assert ready.model.faster_rcnn.num_classes == 3
    assert ready.train_config.fine_tune_checkpoint.endswith("training/model.ckpt-0")
    for reader in (ready.train_input_reader, ready.eval_input_reader[0]):
        assert reader.load_instance_masks == reads_masks
        assert ("PNG_MASKS" in str(reader)) == reads_masks
    assert zoo_pipeline.has_masks(ready) == reads_masks


def settled(home: Home, text: str = TINY_PIPELINE, **settings) -> pipelines.Pipeline:
    shipped = pipelines.parse(text)
    start = home.model("x").training / "model.ckpt-0"
    return zoo_pipeline.configure(shipped, home.dataset("limited"), 3, 41, start, zoo_pipeline.Settings(**settings))


QUANTIZED = "graph_rewriter { quantization { delay: 48000 weight_bits: 8 activation_bits: 8 } }"


def test_quantization_is_configured_if_asked_for(home):
    assert not settled(home).HasField("graph_rewriter")
    assert not settled(home, quantize=False).HasField("graph_rewriter")
    asked = settled(home, quantize=True).graph_rewriter.quantization
    assert (asked.delay, asked.weight_bits, asked.activation_bits) == (0, 8, 8)
    assert settled(home, quantize=True, quant_delay=700).graph_rewriter.quantization.delay == 700


def test_a_quantized_model_stays_quantized_unless_told_otherwise(home):
    text = TINY_PIPELINE + QUANTIZED
    assert settled(home, text).graph_rewriter.quantization.delay == 48000
    assert settled(home, text, quantize=True).graph_rewriter.quantization.delay == 48000
    assert settled(home, text, quant_delay=0).graph_rewriter.quantization.delay == 0
    assert not settled(home, text, quantize=False).HasField("graph_rewriter")


@pytest.mark.parametrize("settings", [{}, {"quantize": False}])
def test_a_delay_of_what_is_not_there_is_refused(settings, home):
    with pytest.raises(UserError, match=r"QUANT_DELAY needs .*QUANTIZE=1"):
        settled(home, quant_delay=5, **settings)


def test_what_the_user_has_set_for_evaluation_stays(home):
    mine = configured(pipelines.parse(TINY_PIPELINE), home)
    mine.eval_config.batch_size, mine.eval_config.max_evals = 8, 3
    mine.eval_input_reader.add(label_map_path="/mine", num_readers=7)
    start = home.model("x").training / "model.ckpt-0"
    assert zoo_pipeline.configure(mine, home.dataset("limited"), 3, 41, start) == mine


def test_the_batch_size_is_the_user_s(home):
    assert settled(home).train_config.batch_size == 8
    assert settled(home, batch_size=3).train_config.batch_size == 3
    assert settled(home, batch_size=3).eval_config.batch_size == 1


def test_a_batch_for_tpus_is_made_one_for_a_machine_and_the_rate_with_it():
    shipped = pipelines.parse(TINY_PIPELINE)
    assert zoo_pipeline.for_one_machine(shipped).train_config == shipped.train_config
    rates = shipped.train_config.optimizer.momentum_optimizer.learning_rate.manual_step_learning_rate
    rates.initial_learning_rate = 0.8
    rates.schedule.add(step=10, learning_rate=0.08)
    shipped.train_config.batch_size = 1024
    shipped.train_config.sync_replicas = True
    fit = zoo_pipeline.for_one_machine(shipped).train_config
    assert (fit.batch_size, fit.sync_replicas) == (32, False)
    fitted = fit.optimizer.momentum_optimizer.learning_rate.manual_step_learning_rate
    assert fitted.initial_learning_rate == pytest.approx(0.025)
    assert fitted.schedule[0].learning_rate == pytest.approx(0.0025)


def test_configuring_again_changes_nothing(home):
    once = settled(home, quantize=True, quant_delay=5)
    start = home.model("x").training / "model.ckpt-0"
    assert zoo_pipeline.configure(once, home.dataset("limited"), 3, 41, start) == once


def test_the_changes_are_told_as_they_stand_in_the_file(home):
    shipped = pipelines.parse(TINY_PIPELINE)
    ready = configured(shipped, home)
    told = zoo_pipeline.changes(shipped, ready, home.model("x").pretrained)
    said = {f"{line[0]} {line[1:].strip()}" for line in told}
    assert {"- num_classes: 90", "+ num_classes: 3", "- max_evals: 10", "+ num_examples: 41"} <= said
    assert '+ fine_tune_checkpoint: "../training/model.ckpt-0"' in said
    assert not any("batch_size" in line for line in said)
    assert all(line[0] in "+-" for line in said)
    assert zoo_pipeline.changes(ready, ready, home.model("x").pretrained) == []
