"""What the training graph tells of a step besides its loss, and that the faster one gives the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

from todus.bench import dataset, training, training_jobs
from todus.bridge import training_graph
from todus.bridge.graph_mode import tf

BATCH = 4


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("training-graph")


@pytest.fixture(scope="module")
def pipeline(work):
    records = training.written(dataset.drawn_sample(work, images=12), work)
    return training_jobs.ssd_mobilenet_v1(records, size=96, width=0.25, batch=BATCH)


@pytest.fixture(scope="module")
def step(pipeline) -> dict:
    """All that can be asked for of one step."""
    with training_jobs.training("todus", pipeline) as (session, graph):
        assert graph.batch_size == BATCH
        names = ("loss", "losses", "learning_rate", "image_ids", "images", "boxes", "data_wait", "train_op")
        return session.run({name: getattr(graph, name) for name in names})


def test_the_parts_of_the_loss_add_up_to_it(step):
    assert set(step["losses"]) == {"classification_loss", "localization_loss", "regularization_loss"}
    assert sum(step["losses"].values()) == pytest.approx(step["loss"], rel=1e-5)
    assert min(step["losses"].values()) > 0


def test_the_learning_rate_is_that_of_the_pipeline(step):
    assert step["learning_rate"] == pytest.approx(0.004)


def test_image_ids_are_those_of_the_annotations(step, work):
    annotations = json.loads((work / "sample/annotations/instances_train2017.json").read_text())
    assert step["image_ids"].shape == (BATCH,)
    assert {int(text) for text in step["image_ids"]} <= {image["id"] for image in annotations["images"]}


def test_images_and_boxes_can_be_looked_at(step):
    assert step["images"].shape == (BATCH, 96, 96, 3)
    assert step["images"].dtype == np.uint8
    assert step["images"].min() < 5  # pixels again, and not -1 to 1; how black and white depends on the crops
    assert step["images"].max() > 250
    ymin, xmin, ymax, xmax = np.moveaxis(step["boxes"], -1, 0)
    there = ymax > ymin
    assert there.any()
    assert np.all((xmax > xmin) == there)
    assert np.all(step["boxes"][~there] == 0)
    assert step["boxes"].min() >= 0
    assert step["boxes"].max() <= 1


def test_the_wait_for_data_is_part_of_the_step(step):
    assert 0 < step["data_wait"] < 60


def types(pipeline, faster: bool) -> list[str]:
    with tf.Graph().as_default() as graph:
        training_graph.build(pipeline, faster=faster)
        return [operation.type for operation in graph.get_operations()]


def test_only_the_miner_is_exchanged(pipeline):
    plain, ours = types(pipeline, faster=False), types(pipeline, faster=True)
    for kept in ("Conv2D", "Conv2DBackpropFilter", "FusedBatchNormV3", "Relu6Grad", "ApplyRMSProp"):
        assert plain.count(kept) == ours.count(kept) > 0, kept
    assert (plain.count("NonMaxSuppressionV3"), ours.count("NonMaxSuppressionV3")) == (BATCH, 2 * BATCH)
