"""make eval and make export: that their numbers agree, and that what is exported runs in plain TensorFlow."""

from __future__ import annotations

import collections
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from support import NAME, PLAIN_TENSORFLOW, failed_in_one_line, run_verb
from todus import layout


@pytest.fixture(scope="module")
def exported(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Home:
    home = layout.Home(tmp_path_factory.mktemp("exported") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    result = run_verb("export", home)
    assert result.returncode == 0, result.stderr
    return home


def detections(home: layout.Home, graph: str) -> dict[tuple[int, int], list[tuple]]:
    """Image and category -> (score, x, y, width, height) of each detection, best first, as make eval wrote them."""
    found = collections.defaultdict(list)
    for d in json.loads((home.model(NAME).evaluation / f"detections-{graph}.json").read_text()):
        found[d["image_id"], d["category_id"]].append((d["score"], *d["bbox"]))
    return {key: sorted(values, reverse=True) for key, values in found.items()}


def test_the_cut_model_detects_what_the_full_one_does_and_the_exported_graph_too(exported: layout.Home) -> None:
    for variables in ({"GRAPH": "pretrained"}, {}, {"GRAPH": "exported"}):
        result = run_verb("eval", exported, **variables)
        assert result.returncode == 0, result.stderr
        assert "Average Precision" in result.stdout
        assert "| traffic light |" in result.stdout
    full, cut, graph = (detections(exported, name) for name in ("pretrained", "model.ckpt-0", "exported"))
    assert len({round(best[0][0], 6) for best in cut.values()}) > 10, "hardly depends on the image: proves nothing"
    assert graph.keys() == cut.keys()
    # The full model shares its 100 detections an image among 90 classes, so it keeps fewer of each: its best ones.
    for other in (full, graph):
        for key, best in other.items():
            assert np.allclose(best[:3], cut[key][: len(best[:3])], rtol=1e-4, atol=1e-3), key
    report = json.loads((exported.model(NAME).evaluation / "report.json").read_text())
    assert report["exported"]["score_threshold"] == pytest.approx(1e-8)
    assert set(report) == {"pretrained", "model.ckpt-0", "exported"}


def test_the_frozen_graph_and_the_saved_model_detect_in_plain_tensorflow(exported: layout.Home) -> None:
    folder = exported.model(NAME).inference_graph
    image = next(exported.raw_data.images("val").glob("*.jpg"))
    seen = []
    for graph in (folder / "frozen_inference_graph.pb", folder / "saved_model"):
        plain = [sys.executable, "-c", PLAIN_TENSORFLOW, str(graph), str(image)]
        result = subprocess.run(plain, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        seen.append(json.loads(result.stdout.splitlines()[-1]))
    assert seen[0] == seen[1]
    assert seen[0]["count"] > 0
    assert set(seen[0]["classes"]) <= {1.0, 2.0, 3.0}


def test_the_export_is_complete_and_a_second_one_finds_it(exported: layout.Home) -> None:
    folder = exported.model(NAME).inference_graph
    wanted = ["frozen_inference_graph.pb", "saved_model/saved_model.pb", "model.ckpt.index", "pipeline.config"]
    assert all((folder / name).is_file() for name in wanted)
    assert (folder / "labels.txt").read_text() == "traffic light\nstop sign\nbanana\n"
    again = run_verb("export", exported)
    assert again.returncode == 0
    assert "already there" in again.stdout


def test_a_checkpoint_that_is_not_there_is_refused(exported: layout.Home) -> None:
    for name in ("export", "eval"):
        assert failed_in_one_line(
            run_verb(name, exported, CHECKPOINT="model.ckpt-999"), "model.ckpt-999", "model.ckpt-0"
        )


def test_a_graph_that_is_not_there_is_refused(home: layout.Home) -> None:
    assert failed_in_one_line(run_verb("eval", home, GRAPH="exported"), "make export")
    assert failed_in_one_line(run_verb("eval", home, GRAPH="no-such.pb"), "no-such.pb")


def test_an_image_that_cannot_be_read_is_named(home: layout.Home) -> None:
    broken = sorted(home.raw_data.images("val").glob("*.jpg"))[0]
    broken.write_bytes(broken.read_bytes()[:300])
    assert failed_in_one_line(run_verb("eval", home), broken.name, "delete it")
    assert not (home.model(NAME).evaluation / "report.json").exists()


def test_a_dataset_without_validation_images_is_named(home: layout.Home) -> None:
    home.dataset("limited").annotations("val").unlink()
    assert failed_in_one_line(
        run_verb("eval", home),
        "no whole val split",
        'CATEGORIES="traffic light, stop sign, banana"',
        'SPLITS="train val"',
    )
