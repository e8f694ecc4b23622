"""make export and make convert-uff of the trained little model: the file detects what the exported graph does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import KEPT, NAME, run_verb
from todus import layout
from todus.bridge import pipeline as pipelines
from uff_interpreter import interpreter, netron, parity, structure, uff_file
from uff_interpreter.uff_file import Data


@pytest.fixture(scope="module")
def converted(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Home:
    home = layout.Home(tmp_path_factory.mktemp("converted") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    for verb in ("export", "convert-uff"):
        result = run_verb(verb, home)
        assert result.returncode == 0, result.stderr
    return home


@pytest.fixture(scope="module")
def images(converted: layout.Home) -> list[np.ndarray]:
    """The validation images in the size that the model takes."""
    size = pipelines.load(converted.model(NAME).pipeline).model.ssd.image_resizer.fixed_shape_resizer.height
    paths = sorted(converted.raw_data.images("val").glob("*.jpg"))
    return [resized(path, size) for path in paths]


def resized(path: Path, size: int) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((size, size)))


@pytest.fixture(scope="module")
def file(converted: layout.Home) -> uff_file.UffFile:
    return uff_file.read(converted.model(NAME).folder / f"{NAME}.uff")


def test_it_detects_what_the_graph_does(converted, images, file) -> None:
    structure.require(file)
    assert file.node("NMS").fields["numClasses_u_int"].value == 1 + len(KEPT.split(","))
    threshold = file.node("NMS").fields["confidenceThreshold_u_float"].value
    parity.require_equal(parity.compare(file, converted.model(NAME).frozen_graph, images), threshold)


def test_scores_taken_for_boxes_are_not_what_it_detects(converted, images) -> None:
    """With three classes and the background the plugin cannot tell one from the other by their number."""
    file = uff_file.read(converted.model(NAME).folder / f"{NAME}.uff")
    boxes, scores, anchors = file.node("NMS").fields["inputOrder_u_ilist"].value
    file.node("NMS").fields["inputOrder_u_ilist"] = Data("i_list", [scores, boxes, anchors])
    found = [interpreter.detect(file, image) for image in images[:3]]
    wanted = parity.of_frozen_graph(converted.model(NAME).frozen_graph, images[:3])
    assert parity.differences(parity.Pair(found, wanted, 100), 0.0)


@pytest.mark.skipif(netron.missing() is not None, reason=netron.missing() or "")
def test_netron_reads_it_and_its_text(converted: layout.Home) -> None:
    result = run_verb("convert-uff", converted, TEXT="1")
    assert result.returncode == 0, result.stderr
    model = converted.model(NAME)
    binary, text = netron.read(model.folder / f"{NAME}.uff", model.folder / f"{NAME}.pbtxt")
    assert binary.outputs == ["MarkOutput_0 NMS"]
    assert binary.errors == []
    assert text == binary
