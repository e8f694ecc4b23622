"""One model of each family down the whole road: prepared, trained for two steps, evaluated, exported."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from support import KEPT, TINY_PIPELINE, run_verb
from todus import checkpoint, layout, status
from todus.bridge import pipeline as pipelines
from todus.coco import label_map
from todus.demo import zoo_archive
from todus.evaluation import evaluate
from todus.exporting import inference_graph
from todus.training import train
from todus.training.options import Options
from todus.zoo import prepare
from todus.zoo.pipeline import Settings
from zoo import families

COCO_CLASSES = 90
FAMILIES = ["ssd inception v2", "ssdlite", "ppn", "fpn", "faster rcnn"]


def shipped(family: str) -> pipelines.Pipeline:
    """The family's small detector, trained and read as the tiny one is."""
    pipeline = pipelines.parse({**families.SSD, **families.TWO_STAGES}[family])
    whole = pipelines.parse(TINY_PIPELINE)
    pipeline.train_config.CopyFrom(whole.train_config)
    pipeline.train_config.batch_size = 1 if "rcnn" in family else 2
    pipeline.train_input_reader.CopyFrom(whole.train_input_reader)
    pipeline.eval_config.CopyFrom(whole.eval_config)
    pipeline.eval_input_reader.add().CopyFrom(whole.eval_input_reader[0])
    model = getattr(pipeline.model, pipelines.meta_architecture(pipeline))
    model.num_classes = COCO_CLASSES
    if "rcnn" in family:
        model.second_stage_batch_size = families.PROPOSALS
    return pipeline


def put_archive(name: str, pipeline: pipelines.Pipeline, home: layout.Home, scratch: Path) -> None:
    """An archive of the zoo's layout with fresh weights, where make model looks for one first."""
    folder = scratch / name
    zoo_archive.random_checkpoint(pipeline, folder / "model.ckpt", seed=1)
    (folder / "pipeline.config").write_text(pipelines.as_shipped(pipeline))
    home.model_archives.mkdir(parents=True, exist_ok=True)
    with tarfile.open(home.model_archives / f"{name}.tar.gz", "w:gz") as tar:
        tar.add(folder, arcname=name)


def walk(name: str, home: layout.Home) -> dict:
    """Prepare, train, evaluate, export and evaluate what was exported; returns the report."""
    model = home.model(name)
    prepare.prepare(model, home.dataset("limited"), "file:///nowhere", home, Settings())
    train.train(model, Options(steps=2))
    evaluate.evaluate(model, "", "")
    inference_graph.export(model, "")
    return evaluate.evaluate(model, "exported", "")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_whole_road(family: str, home: layout.Home, tmp_path: Path) -> None:
    name = family.replace(" ", "_")
    pipeline = shipped(family)
    put_archive(name, pipeline, home, tmp_path / "scratch")
    report = walk(name, home)
    model = home.model(name)
    assert checkpoint.newest(model.training).name == "model.ckpt-2"
    start, trained = (checkpoint.read(checkpoint.at_step(model.training, step)) for step in (0, 2))
    (head,) = [name for name in start if name.endswith("ClassPredictor/biases")][:1]
    assert not np.array_equal(start[head], trained[head]), "training moves the head"
    assert list(label_map.read(model.label_map).ids) == ["traffic light", "stop sign", "banana"]
    assert report["model.ckpt-2"]["images"] == report["exported"]["images"] > 0
    assert report["model.ckpt-2"]["summary"] == pytest.approx(report["exported"]["summary"], abs=0.02, nan_ok=True)


def test_a_mask_rcnn_needs_records_with_masks(home: layout.Home, mirror_url: str, tmp_path: Path, capsys) -> None:
    pipeline = shipped("mask rcnn with shared boxes")
    put_archive("mask_rcnn", pipeline, home, tmp_path / "scratch")
    model = home.model("mask_rcnn")
    prepare.prepare(model, home.dataset("limited"), "file:///nowhere", home, Settings())
    prepare.say_what_is_next(model)
    refusal = r"has no masks.*run: make dataset-limited CATEGORIES=.* MASKS=1 TODUS_HOME="
    assert re.search(refusal, capsys.readouterr().out)
    assert not any(step.startswith("make train") for step in status.next_commands(model))
    with pytest.raises(prepare.UserError, match=refusal):
        train.train(model, Options(steps=2))
    coco = {"CATEGORIES": KEPT, "COCO_URL": f"{mirror_url}/coco", "MASKS": "1", "PREVIEW": "0"}
    assert run_verb("dataset-limited", home, **coco).returncode == 0
    report = walk("mask_rcnn", home)
    assert checkpoint.newest(model.training).name == "model.ckpt-2"
    assert set(report) == {"model.ckpt-2", "exported"}
