"""Our rewriter beside the real tf.contrib.quantize, run side by side.

Rounding makes a deep network chaotic: a value that lies on the edge between two integers falls to either side with the
last bit of a sum. So values are compared where they can be: in a network of a few layers, or with 16 bits.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tf_slim as slim

from oracle import shared_graphs
from todus.bridge import detection_model
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.training.quantization import rewriter
from zoo import families

SHARED = Path(os.environ.get("TODUS_SHARED", "no-such-folder"))
GOLDEN = SHARED / "golden" / "qat_small"
FAMILIES = ["ssd mobilenet v1", "ssd with hidden layers", "ssdlite", "ppn", "fpn", "fpnlite", "ssd inception v2"]
TRAINING = """
train_config {
  batch_size: 2
  optimizer { rms_prop_optimizer {
    learning_rate { constant_learning_rate { learning_rate: 0.001 } }
    momentum_optimizer_value: 0.9 decay: 0.9 epsilon: 1.0
  } }
}
eval_config {}
eval_input_reader { label_map_path: "none" }
graph_rewriter { quantization { delay: %d weight_bits: 8 activation_bits: 8 } }
"""


def detector(family: str, delay: int) -> pipelines.Pipeline:
    return pipelines.parse(families.SSD[family] + TRAINING % delay)


@pytest.fixture
def batch(tmp_path: Path) -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    given = {"boxes_0": [[0.1, 0.1, 0.6, 0.6]], "boxes_1": [[0.2, 0.0, 0.9, 0.5], [0.5, 0.5, 1.0, 1.0]]}
    batch = {name: np.array(boxes, np.float32) for name, boxes in given.items()}
    return {
        **batch,
        "classes_0": np.array([1]),
        "classes_1": np.array([2, 3]),
        "images": random.integers(0, 255, [2, 128, 128, 3]).astype(np.uint8),
    }


def step(pipeline: pipelines.Pipeline, batch: dict[str, np.ndarray]) -> tuple:
    from object_detection.utils import config_util

    return shared_graphs.detector_step(
        tf,
        detection_model.build(pipeline, is_training=True),
        config_util.create_configs_from_pipeline_proto(pipeline),
        batch["images"],
        [batch["boxes_0"], batch["boxes_1"]],
        [batch["classes_0"], batch["classes_1"]],
    )


def evaluating(pipeline: pipelines.Pipeline, images: np.ndarray) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    placeholder = tf.placeholder(tf.float32, images.shape)
    model = detection_model.build(pipeline, is_training=False)
    pixels, shapes = model.preprocess(placeholder)
    pixels.set_shape(images.shape)
    return placeholder, model.predict(pixels, shapes)


def lists() -> list:
    return [shared_graphs.variables(tf), shared_graphs.fake_quants(tf.get_default_graph())]


def write_job(folder: Path, pipeline: pipelines.Pipeline, batch: dict[str, np.ndarray]) -> dict[str, Path]:
    pipelines.save(pipeline, folder / "pipeline.config")
    np.savez(folder / "given.npz", **batch)
    return {"pipeline": folder / "pipeline.config", "given": folder / "given.npz"}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_graphs_of_every_family_are_those_of_contrib(family, batch, tmp_path, in_tensorflow_1):
    pipeline = detector(family, delay=100)
    size = pipeline.model.ssd.image_resizer.fixed_shape_resizer.height
    batch["images"] = batch["images"][:, :size, :size]
    expected = in_tensorflow_1("lists", ".json", **write_job(tmp_path, pipeline, batch))
    with tf.Graph().as_default():
        step(pipeline, batch)
        training = lists()
    with tf.Graph().as_default():
        evaluating(pipeline, batch["images"])
        detection_model.fake_quantization(pipeline)()
        evaluation = lists()
    for ours, theirs in zip([*training, *evaluation], [*expected["train"], *expected["evaluate"]], strict=True):
        assert ours == theirs


OPTIONS = {  # and for how many steps: no more than one with rounding, after which a last bit may have decided
    "as the API asks": (1, {"quant_delay": 0}),
    "delayed": (5, {"quant_delay": 5}),
    "frozen": (5, {"quant_delay": 100, "freeze_bn_delay": 3}),
    "symmetric": (1, {"symmetric": True}),
    "with few bits": (1, {"weight_bits": 4, "activation_bits": 6}),
}


@pytest.mark.parametrize(("steps", "options"), OPTIONS.values(), ids=OPTIONS)
def test_a_small_network_learns_as_with_contrib(steps, options, tmp_path, in_tensorflow_1):
    random = np.random.default_rng(0)
    images = random.normal(size=[16, 12, 12, 3]).astype(np.float32)
    wanted = random.normal(size=[16, 3]).astype(np.float32)
    renamed = {"freeze_batch_norm_delay" if name == "freeze_bn_delay" else name: each for name, each in options.items()}
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(1)
        train_op, loss, output = shared_graphs.small_step(
            tf, slim, lambda: rewriter.rewrite_for_training(graph, **renamed), images, wanted
        )
        session.run(tf.global_variables_initializer())
        variables = {each.op.name: each for each in tf.global_variables()}
        np.savez(tmp_path / "given.npz", images=images, wanted=wanted, **session.run(variables))
        ran = [session.run([train_op, loss, output])[1:] for _ in range(steps)]
        after = session.run(variables)
    theirs = in_tensorflow_1("small_steps", given=tmp_path / "given.npz", steps=steps, options=options)
    np.testing.assert_allclose([each[0] for each in ran], theirs.pop("losses"), rtol=1e-4)
    np.testing.assert_allclose([each[1] for each in ran], theirs.pop("outputs"), atol=1e-4)
    assert after.keys() == theirs.keys()
    for name, value in after.items():
        np.testing.assert_allclose(value, theirs[name], atol=1e-4 * (1 + np.abs(value).max()), err_msg=name)


def test_a_checkpoint_trained_here_loads_there_and_the_reverse(batch, tmp_path, in_tensorflow_1):
    pipeline = detector("ssdlite", delay=1)
    batch["images"] = batch["images"][:, :96, :96]
    with tf.Graph().as_default(), tf.Session() as session:
        train_op, _, _ = step(pipeline, batch)
        variables = {each.op.name: each for each in tf.global_variables()}
        saver = tf.train.Saver()
        session.run(tf.global_variables_initializer())
        for _ in range(2):
            session.run(train_op)
        saver.save(session, str(tmp_path / "ours"), write_meta_graph=False)
        trained = session.run(variables)
        there = in_tensorflow_1(
            "exchange",
            checkpoint=tmp_path / "ours",
            written=tmp_path / "theirs",
            steps=2,
            **write_job(tmp_path, pipeline, batch),
        )
        assert there.keys() == trained.keys()
        for name, value in trained.items():
            np.testing.assert_array_equal(there[name], value, err_msg=name)
        saver.restore(session, str(tmp_path / "theirs"))
        back = session.run(variables)
        assert back["global_step"] == back["fake_quantization_step"] == 4
        session.run(train_op)


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="TODUS_SHARED names no folder with golden/")
def test_a_trained_detector_with_16_bits_says_what_it_says_there(tmp_path, in_tensorflow_1):
    pipeline = pipelines.load(GOLDEN / "pipeline.config")
    images = np.load(GOLDEN / "infer_golden.npz")["input_uint8"]
    bits = {"weight_bits": 16, "activation_bits": 16}
    theirs = in_tensorflow_1(
        "heads",
        checkpoint=GOLDEN / "model.ckpt-20",
        options=bits,
        **write_job(tmp_path, pipeline, {"images": images}),
    )
    with tf.Graph().as_default() as graph, tf.Session() as session:
        placeholder, predictions = evaluating(pipeline, images)
        rewriter.rewrite_for_evaluation(graph, **bits)
        tf.train.Saver().restore(session, str(GOLDEN / "model.ckpt-20"))
        ours = session.run({name: predictions[name] for name in theirs}, {placeholder: images.astype(np.float32)})
    for name, said in theirs.items():
        assert np.abs(said - ours[name]).mean() < 2e-3, name  # 8 bits: 2e-2 and more
