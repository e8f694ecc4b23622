"""One step of training gives what it gave TensorFlow 1.15: predictions, losses, gradients and the variables after it.

From the same checkpoint, with the same batch of four images; with fake quantization and without.
"""

from __future__ import annotations

from dataclasses import dataclass

import golden
import numpy as np
import pytest

from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf

pytestmark = pytest.mark.skipif(not golden.FOLDER.is_dir(), reason="TODUS_SHARED names no folder with golden/")

LOSSES = {
    "Loss/localization_loss": "Loss/localization_loss",
    "Loss/classification_loss": "Loss/classification_loss",
    "total": "total",
}


@dataclass(frozen=True)
class Ran:
    """What a step gave: losses and predictions by the API's names, gradients and variables after it by variable."""

    losses: dict[str, float]
    predictions: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    after: dict[str, np.ndarray]


@pytest.fixture(
    scope="module",
    params=[("qat_small", "qat"), ("qat_small", "plain"), ("float_small", "plain")],
    ids=["with fake quantization", "without", "of a float model"],
)
def step(request: pytest.FixtureRequest) -> tuple[Ran, np.lib.npyio.NpzFile, str]:
    """What the step gives here, what it gave TensorFlow 1, and how its entries there begin."""
    folder, prefix = golden.FOLDER / request.param[0], request.param[1]
    expected = np.load(folder / "train_step_golden.npz")
    pipeline = pipelines.load(folder / "pipeline.config")
    if prefix == "plain":
        pipeline.ClearField("graph_rewriter")
    return run(pipeline, folder / "model.ckpt-20", expected), expected, prefix


def run(pipeline: pipelines.Pipeline, checkpoint: object, batch: np.lib.npyio.NpzFile) -> Ran:
    with tf.Graph().as_default(), tf.Session() as session:
        images = batch["images_uint8"]
        boxes, classes = ([batch[f"{what}_{i}"] for i in range(len(images))] for what in ("boxes", "classes"))
        graph = golden.training_step(pipeline, images, boxes, classes)
        variables = {variable.op.name: variable for variable in tf.global_variables()}
        trained = tf.trainable_variables()
        gradients = dict(
            zip([each.op.name for each in trained], tf.gradients(graph.losses["total"], trained), strict=True)
        )
        saved = {name for name, _ in tf.train.list_variables(str(checkpoint))}
        saver = tf.train.Saver([variable for name, variable in variables.items() if name in saved])

        def restore() -> None:
            session.run(tf.global_variables_initializer())
            saver.restore(session, str(checkpoint))

        restore()
        losses, predictions, gradients = session.run([graph.losses, graph.predictions, gradients])
        restore()  # ranges followed that run
        session.run(graph.train_op)
        return Ran(losses, predictions, gradients, session.run(variables))


def test_the_predictions_are_those_of_tensorflow_1(step):
    ran, expected, prefix = step
    for name in ("box_encodings", "class_predictions_with_background"):
        np.testing.assert_allclose(
            ran.predictions[name].reshape(expected[f"{prefix}_{name}"].shape),
            expected[f"{prefix}_{name}"],
            atol=1e-4,
            rtol=0,
        )


def test_the_losses_are_those_of_tensorflow_1(step):
    ran, expected, prefix = step
    for name, golden_name in LOSSES.items():
        assert ran.losses[name] == pytest.approx(float(expected[f"{prefix}_loss/{golden_name}"]), rel=1e-4)


def test_the_gradients_are_those_of_tensorflow_1(step):
    ran, expected, prefix = step
    norms = dict(zip(expected[f"{prefix}_grad_names"], expected[f"{prefix}_grad_norms"], strict=True))
    ours = {name: np.linalg.norm(gradient) for name, gradient in ran.gradients.items()}
    assert ours == pytest.approx(norms, rel=1e-3, abs=1e-5)
    assert np.linalg.norm(list(ours.values())) == pytest.approx(np.linalg.norm(list(norms.values())), rel=1e-3)


def test_the_variables_after_the_step_are_those_of_tensorflow_1(step):
    ran, expected, prefix = step
    names = expected[f"{prefix}_after_names"]
    norms = dict(zip(names, expected[f"{prefix}_after_norms"], strict=True))
    ours = {name: float(np.linalg.norm(value)) for name, value in ran.after.items()}
    print(len(ours), len(norms), [n for n in ours if n not in norms], [n for n in norms if n not in ours])
    bad = {n: (ours[n], norms[n]) for n in ours if n in norms and abs(ours[n] - norms[n]) > 1e-4 * abs(norms[n]) + 1e-6}
    print(len(bad), list(bad.items())[:10])
    assert not bad
