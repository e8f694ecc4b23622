"""What is told of a .uff file."""

from __future__ import annotations

from pathlib import Path

import pytest

from converting import ssd_graphs
from converting.ssd_graphs import V1
from todus.coco.label_map import LabelMap
from todus.converting import uff, uff_generation, uff_report
from todus.errors import UserError
from todus.layout import Model

from uff.schema import MetaGraph

CLASSES = ssd_graphs.pipeline(V1).model.ssd.num_classes
LABELS = LabelMap({number: f"class {number}" for number in range(1, CLASSES + 1)})


def told(meta: MetaGraph, labels: LabelMap | None = None) -> str:
    return "\n".join(uff_report.notes(meta, labels))


def with_anchors(operation: str) -> MetaGraph:
    meta = ssd_graphs.converted(V1)
    ssd_graphs.nodes(meta)["MultipleGridAnchorGenerator"].operation = operation
    return meta


def test_nothing_is_to_note_of_a_conversion_with_its_labels() -> None:
    assert told(ssd_graphs.converted(V1), LABELS) == ""


def test_labels_of_other_classes_are_noted() -> None:
    assert f"ends at line 1, the graph has {CLASSES} classes" in told(ssd_graphs.converted(V1), LabelMap({1: "dog"}))


def test_a_plugin_of_the_user_s_own_is_let_through_and_noted() -> None:
    meta = with_anchors("_MyAnchors")
    uff_report.require_known(meta)
    assert "MyAnchors is not one of TensorRT's plugins; register one" in told(meta)


def test_an_operation_without_settings_of_a_plugin_is_refused() -> None:
    meta = with_anchors("_Erf")
    ssd_graphs.nodes(meta)["MultipleGridAnchorGenerator"].fields.clear()
    with pytest.raises(UserError, match=r"UFF has no operation Erf .*ONNX may be the way out"):
        uff_report.require_known(meta)


@pytest.mark.parametrize("generation", uff.GENERATIONS)
def test_the_file_tells_its_generation_and_only_trt5_needs_a_plugin_built(generation: str) -> None:
    meta, model = ssd_graphs.converted(V1, generation), Model(Path("ssd"))
    assert uff_generation.of(meta) == generation
    build = "trtexec --uff=ssd.uff --uffInput=Input,3,96,96 --output=NMS --saveEngine=ssd.engine"
    if generation == "trt5":
        build = f"LD_PRELOAD=./libflattenconcat.so {build}"
    assert uff_report.trtexec(meta, model) == build
    assert ("FlattenConcat_TRT does not come with TensorRT 5 and 6" in told(meta)) == (generation == "trt5")
    assert "--plugins" not in told(meta)


def test_a_graph_that_a_script_prepared_is_known_from_one_of_todus() -> None:
    meta = ssd_graphs.converted(V1)
    assert not uff_generation.is_by_script(meta)
    ssd_graphs.nodes(meta)["AnchorInput"].id = "Const"
    assert uff_generation.is_by_script(meta)
    ssd_graphs.nodes(meta)["concat_box_loc"].operation = "_MyConcat"
    ssd_graphs.nodes(meta)["concat_box_conf"].operation = "_MyConcat"
    assert uff_generation.of(meta) is None


def test_pixels_and_labels_are_told_where_they_are_known() -> None:
    meta = ssd_graphs.converted(V1)
    known = "\n".join(uff_report.summary(meta, has_labels=True, has_known_pixels=True))
    unknown = "\n".join(uff_report.summary(meta, has_labels=False, has_known_pixels=False))
    for words in ("2 / 255 * x - 1", "labels.txt"):
        assert words in known and words not in unknown


def test_labels_are_copied_where_there_are_some_and_programs_are_told_the_names(tmp_path: Path) -> None:
    meta, model = ssd_graphs.converted(V1), Model(tmp_path / "ssd")
    assert "labels.txt" not in uff_report.next_step(meta, model)
    model.folder.mkdir()
    model.converted_labels.write_text("dog\n")
    assert "and labels.txt to the device" in uff_report.next_step(meta, model)
    assert uff_report.next_step(meta, model).endswith(f"make device-kit MODEL_DIR={model.folder} FORMAT=uff)")
    assert uff_report.in_python(meta) == (
        'register_input("Input", (3, 96, 96), trt.UffInputOrder.NCHW), register_output("MarkOutput_0")'
    )
