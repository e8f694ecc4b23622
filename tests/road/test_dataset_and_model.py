"""make dataset-limited and make model: what they leave, twice, and what they refuse."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from support import KEPT, NAME, failed_in_one_line, run_verb
from todus import checkpoint, layout
from todus.bridge import pipeline as pipelines
from todus.coco import label_map


def test_the_dataset_is_whole_and_its_ids_are_the_label_map_s(prepared: layout.Home) -> None:
    dataset = prepared.dataset("limited")
    manifest = json.loads(dataset.manifest.read_text())
    assert [c["name"] for c in manifest["categories"]] == ["traffic light", "stop sign", "banana"]
    assert label_map.read(dataset.label_map).ids == {"traffic light": 1, "stop sign": 2, "banana": 3}
    assert len(list(dataset.folder.glob("coco_train.record-*-of-00100"))) == 100
    assert len(list(dataset.folder.glob("coco_val.record-*-of-00050"))) == 50


def test_the_model_is_cut_and_configured(prepared: layout.Home) -> None:
    model = prepared.model(NAME)
    pipeline = pipelines.load(model.pipeline)
    assert pipeline.model.ssd.num_classes == 3
    assert pipelines.load(model.zoo_pipeline).model.ssd.num_classes == 90
    shapes = checkpoint.shapes(checkpoint.newest(model.training))
    assert shapes["BoxPredictor_0/ClassPredictor/biases"] == [3 * (3 + 1)]  # 3 anchors in the lowest layer
    assert pipeline.train_config.fine_tune_checkpoint == str(model.training / "model.ckpt-0")


def test_pretrained_files_are_the_archive_s_to_the_byte(prepared: layout.Home) -> None:
    model = prepared.model(NAME)
    with tarfile.open(prepared.model_archives / f"{NAME}.tar.gz") as tar:
        for member in filter(tarfile.TarInfo.isfile, tar.getmembers()):
            name = Path(member.name).relative_to(NAME)
            here = (
                model.zoo_pipeline
                if name.name == "pipeline.config" and len(name.parts) == 1
                else model.pretrained / name
            )
            assert here.read_bytes() == tar.extractfile(member).read(), name


def test_a_second_run_says_what_is_there_and_changes_nothing(home: layout.Home) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")}
    dataset = run_verb("dataset-limited", home, CATEGORIES=KEPT, COCO_URL="http://127.0.0.1:9/nobody-there")
    model = run_verb("model", home, MODEL=NAME, ZOO_URL="http://127.0.0.1:9/nobody-there")
    assert dataset.returncode == model.returncode == 0
    assert "already there" in dataset.stdout
    assert "already there" in model.stdout
    assert {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")} == before


def test_edits_of_the_pipeline_survive_a_second_make_model(home: layout.Home) -> None:
    model = home.model(NAME)
    edited = model.pipeline.read_text().replace("batch_size: 8", "batch_size: 5")
    assert "batch_size: 5" in edited
    model.pipeline.write_text(edited)
    assert run_verb("model", home, MODEL=NAME).returncode == 0
    assert model.pipeline.read_text() == edited


def test_other_categories_make_the_model_anew(home: layout.Home, mirror_url: str) -> None:
    assert run_verb("dataset-limited", home, CATEGORIES="clock", COCO_URL=f"{mirror_url}/coco").returncode == 0
    assert failed_in_one_line(run_verb("eval", home, MODEL=NAME), "clock", "traffic light", f"make model MODEL={NAME}")
    assert run_verb("model", home, MODEL=NAME).returncode == 0
    assert pipelines.load(home.model(NAME).pipeline).model.ssd.num_classes == 1
    assert label_map.read(home.model(NAME).label_map).ids == {"clock": 1}


def test_a_trained_model_is_not_cut_anew(home: layout.Home, mirror_url: str) -> None:
    model = home.model(NAME)
    trained = checkpoint.read(checkpoint.newest(model.training))
    checkpoint.write(checkpoint.at_step(model.training, 70), trained)
    assert run_verb("dataset-limited", home, CATEGORIES="clock", COCO_URL=f"{mirror_url}/coco").returncode == 0
    assert failed_in_one_line(run_verb("model", home, MODEL=NAME), "70 steps", "move")
    assert checkpoint.newest(model.training).name == "model.ckpt-70"


def test_all_unknown_categories_are_named_at_once(tmp_path: Path, mirror_url: str) -> None:
    home = layout.Home(tmp_path)
    result = run_verb(
        "dataset-limited", home, CATEGORIES="bananna clock stopsign unicorn", COCO_URL=f"{mirror_url}/coco"
    )
    assert failed_in_one_line(result, "bananna", "banana", "stopsign", "stop sign", "unicorn")
    assert not home.dataset("limited").folder.exists()
    assert not home.raw_data.images("train").exists()


def test_a_model_without_a_dataset_is_refused(tmp_path: Path, zoo: str) -> None:
    home = layout.Home(tmp_path)
    assert failed_in_one_line(run_verb("model", home, MODEL=NAME, ZOO_URL=zoo), "make dataset-limited")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def dataset_only(prepared: layout.Home, tmp_path: Path) -> layout.Home:
    shutil.copytree(prepared.folder / "dataset", tmp_path / "tree" / "dataset")
    return layout.Home(tmp_path / "tree")


def test_an_unknown_model_gets_the_nearest_names(dataset_only: layout.Home) -> None:
    result = run_verb("model", dataset_only, MODEL="ssd_mobilnet_v2_coco")
    assert failed_in_one_line(result, "ssd_mobilnet_v2_coco", "ssd_mobilenet_v2_coco_2018_03_29")
    assert not dataset_only.models.exists()


def test_no_model_named_gets_the_verb_that_lists_the_zoo(dataset_only: layout.Home) -> None:
    assert failed_in_one_line(run_verb("model", dataset_only), "MODEL=NAME", "make models lists all")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"this is no archive", ["damaged", "delete it"]), (None, ["damaged", "delete it"])],
    ids=["not an archive", "cut off"],
)
def test_a_bad_archive_leaves_no_model(
    dataset_only: layout.Home, prepared: layout.Home, content: bytes | None, words: list[str]
) -> None:
    whole = (prepared.model_archives / f"{NAME}.tar.gz").read_bytes()
    archive = dataset_only.model_archives / f"{NAME}.tar.gz"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(content or whole[: len(whole) // 2])
    assert failed_in_one_line(run_verb("model", dataset_only, MODEL=NAME), archive.name, *words)
    assert not dataset_only.model(NAME).pretrained.exists()
    assert not dataset_only.model(NAME).training.exists()
