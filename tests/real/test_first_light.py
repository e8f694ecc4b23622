"""The main road on real COCO images with a detector of full size, 300x300 and 90 classes, through the verbs.

The zoo's weights cannot be fetched in a test, so they are random, with two cares without which outputs would not
depend on the image and every comparison would pass for nothing: the batch-norm statistics are measured on real
images, and the heads have weights with a real spread.

Runs where TODUS_SHARED names a folder with coco-sample/ and zoo-configs/.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import PLAIN_TENSORFLOW, heads, run_verb
from todus import checkpoint, layout
from todus.bridge import pipeline as pipelines
from todus.demo import mirror, zoo_archive

SHARED = os.environ.get("TODUS_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="TODUS_SHARED is not set")

NAME = "ssd_mobilenet_v1_coco_2018_01_28"
KEPT = "person, car, traffic light"
KEPT_IDS = [1, 3, 10]  # COCO's
CALIBRATION_IMAGES = 16


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Real images, uint8 [n, 300, 300, 3]."""
    paths = sorted((Path(SHARED) / "coco-sample" / "val2017").glob("*.jpg"))[:CALIBRATION_IMAGES]
    return np.stack([np.asarray(Image.open(path).convert("RGB").resize((300, 300))) for path in paths])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, images: np.ndarray) -> Iterator[str]:
    """A server with the sample in COCO's layout below /coco and a zoo below /zoo."""
    folder = tmp_path_factory.mktemp("server")
    sample = Path(SHARED) / "coco-sample"
    shutil.copytree(sample, folder / "coco")
    with zipfile.ZipFile(folder / "coco" / "annotations" / "annotations_trainval2017.zip", "w") as archive:
        for path in (sample / "annotations").glob("*.json"):
            archive.write(path, f"annotations/{path.name}")
    shipped = pipelines.load(Path(SHARED) / "zoo-configs" / "as-shipped" / f"{NAME}.config")
    prefix = tmp_path_factory.mktemp("checkpoint") / "model.ckpt"
    checkpoint.write(prefix, lifelike_variables(shipped, images))
    zoo_archive.pack(NAME, shipped, prefix, folder / "zoo" / f"{NAME}.tar.gz")
    with mirror.serve(folder) as url:
        yield url


def lifelike_variables(pipeline: pipelines.Pipeline, images: np.ndarray) -> dict[str, np.ndarray]:
    """Random weights for the detector, under which its outputs depend on the image."""
    from todus.bridge import detection_model
    from todus.bridge.graph_mode import tf

    following = pipelines.copy(pipeline)  # statistics that follow at once, in the base network too
    extractor = following.model.ssd.feature_extractor
    extractor.override_base_feature_extractor_hyperparams = True
    predictor = following.model.ssd.box_predictor.convolutional_box_predictor
    for settings in (extractor, predictor):
        settings.conv_hyperparams.batch_norm.decay = 0.5
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(7)
        model = detection_model.build(following, is_training=True)
        model.predict(*model.preprocess(tf.constant(images, tf.float32)))
        session.run(tf.global_variables_initializer())
        for _ in range(12):
            session.run(model.updates())
        variables = session.run({v.op.name: v for v in tf.global_variables()})
    random = np.random.default_rng(3)
    for name, values in variables.items():
        if "ClassPredictor/" in name or "BoxEncodingPredictor/" in name:
            spread = 0.5 if values.ndim == 1 else 1.5 / np.sqrt(np.prod(values.shape[:-1]))
            variables[name] = random.normal(0, spread, values.shape).astype(np.float32)
    return {**variables, "global_step": np.zeros([], np.int64)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, server: str) -> layout.Home:
    home = layout.Home(tmp_path_factory.mktemp("first-light"))
    for name, variables in (
        ("dataset-limited", {"CATEGORIES": KEPT, "COCO_URL": f"{server}/coco"}),
        ("model", {"MODEL": NAME, "ZOO_URL": f"{server}/zoo"}),
    ):
        result = run_verb(name, home, **variables)
        assert result.returncode == 0, result.stderr
    return home


def test_the_cut_is_exact(home: layout.Home, images: np.ndarray) -> None:
    model = home.model(NAME)
    probe = images[:4]
    full, full_boxes = heads(pipelines.load(model.zoo_pipeline), model.pretrained / "model.ckpt", probe)
    cut, cut_boxes = heads(pipelines.load(model.pipeline), checkpoint.at_step(model.training, 0), probe)
    assert full.shape[-1] == 91
    assert cut.shape[-1] == 4
    assert np.abs(cut - full[..., [0, *KEPT_IDS]]).max() < 1e-5
    assert np.abs(cut_boxes - full_boxes).max() < 1e-5
    # The controls: categories off by one must differ, and so must different images.
    assert np.abs(cut - full[..., [0, *(i + 1 for i in KEPT_IDS)]]).max() > 0.5
    assert cut[..., 1:].std(axis=0).mean() > 0.01
    assert cut_boxes.std(axis=0).mean() > 0.01


def test_ten_steps_then_eval_and_export_on_a_real_image(home: layout.Home) -> None:
    model = home.model(NAME)
    for name, variables in (
        ("train", {"STEPS": "10", "BATCH_SIZE": "4"}),
        ("eval", {}),
        ("eval", {"GRAPH": "pretrained"}),
        ("export", {}),
    ):
        result = run_verb(name, home, **variables)
        assert result.returncode == 0, result.stderr
    assert checkpoint.newest(model.training).name == "model.ckpt-10"
    report = json.loads(model.report.read_text())
    assert list(report["model.ckpt-10"]["categories"]) == ["person", "car", "traffic light"]
    assert report["model.ckpt-10"]["categories"]["person"]["boxes"] > 100
    assert set(report) == {"model.ckpt-10", "pretrained"}

    image = next(iter(sorted(home.raw_data.images("val").glob("*.jpg"))))
    plain = [sys.executable, "-c", PLAIN_TENSORFLOW, str(model.frozen_graph), str(image)]
    result = subprocess.run(plain, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout.splitlines()[-1])
    assert seen["count"] > 0
    assert set(seen["classes"]) <= {1.0, 2.0, 3.0}


def test_the_exported_variables_carry_the_zoo_s_names(home: layout.Home) -> None:
    golden = Path(SHARED) / "golden" / "qat_train_vars_v1.tsv"
    names = [line.split("\t")[0] for line in golden.read_text().splitlines()[1:201]]
    exported = checkpoint.shapes(home.model(NAME).inference_graph / "model.ckpt")
    assert set(exported) == set(names)
