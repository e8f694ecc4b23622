"""make model with archives as the zoo and its users pack them, and without any."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pytest

from support import NAME, failed_in_one_line, run_verb
from todus import checkpoint, layout

NOWHERE = "http://127.0.0.1:9"
DATA = "data-00000-of-00001"


@pytest.fixture
def home(prepared: layout.Home, tmp_path: Path) -> layout.Home:
    """A tree that holds the dataset only."""
    shutil.copytree(prepared.folder / "dataset", tmp_path / "tree" / "dataset")
    return layout.Home(tmp_path / "tree")


def unpack(prepared: layout.Home, folder: Path) -> None:
    """Unpack the little zoo model's archive to `folder`, as a user would."""
    folder.mkdir(parents=True)
    with tarfile.open(prepared.model_archives / f"{NAME}.tar.gz") as tar:
        tar.extractall(folder.parent, filter="data")
    shutil.rmtree(folder)
    (folder.parent / NAME).rename(folder)


def start_of(home: layout.Home, name: str) -> bytes:
    prefix = checkpoint.at_step(home.model(name).training, 0)
    return prefix.with_name(f"{prefix.name}.{DATA}").read_bytes()


def test_a_model_that_was_unpacked_by_hand_needs_no_archive(prepared: layout.Home, home: layout.Home) -> None:
    unpack(prepared, home.model("by_hand").pretrained)
    result = run_verb("model", home, MODEL="by_hand", ZOO_URL=NOWHERE)
    assert result.returncode == 0, result.stderr
    assert start_of(home, "by_hand") == start_of(prepared, NAME)
    zoo_pipeline = home.model("by_hand").zoo_pipeline.read_bytes()
    assert zoo_pipeline == prepared.model(NAME).zoo_pipeline.read_bytes()


def test_files_put_there_by_hand_stay_if_nothing_can_be_made_of_them(prepared: layout.Home, home: layout.Home) -> None:
    model = home.model("by_hand")
    unpack(prepared, model.pretrained)
    model.pipeline.write_text(model.pipeline.read_text().replace("ssd_mobilenet_v1", "ssd_mobilenet_v77"))
    assert failed_in_one_line(run_verb("model", home, MODEL="by_hand", ZOO_URL=NOWHERE), "ssd_mobilenet_v77")
    assert (model.pretrained / f"model.ckpt.{DATA}").is_file()
    assert "ssd_mobilenet_v77" in model.zoo_pipeline.read_text()


def test_an_archive_with_a_step_without_a_frozen_graph_and_with_a_field_that_is_gone(
    prepared: layout.Home, home: layout.Home, tmp_path: Path
) -> None:
    folder = tmp_path / "packing" / "quantized"
    unpack(prepared, folder)
    for path in [*folder.glob("model.ckpt.*")]:
        path.rename(path.with_name(path.name.replace("model.ckpt", "model.ckpt-60")))
    for path in (folder / "checkpoint", folder / "frozen_inference_graph.pb"):
        path.unlink(missing_ok=True)
    pipeline = folder / "pipeline.config"
    old = pipeline.read_text().replace("feature_extractor {", "feature_extractor {\n batch_norm_trainable: true", 1)
    pipeline.write_text(old)
    with tarfile.open(tmp_path / "old.tar.gz", "w:gz") as tar:
        tar.add(folder, arcname=".")
    result = run_verb("model", home, MODEL="old", ZOO_URL=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("no field batch_norm_trainable") == 1
    assert start_of(home, "old") == start_of(prepared, NAME)
