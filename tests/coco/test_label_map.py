"""Label maps in the text format of the Object Detection API."""

import pytest

from coco.mirror import CATEGORIES
from todus.coco import label_map
from todus.coco.label_map import LabelMap
from todus.errors import UserError
from todus.layout import COCO_LABEL_MAP


def test_what_is_written_is_read(tmp_path):
    awkward = LabelMap({1: "traffic light", 7: 'a "quoted" \\ name', 3: "naïve café 犬", 90: "it's"})
    label_map.write(tmp_path / "map.pbtxt", awkward)
    assert label_map.read(tmp_path / "map.pbtxt") == awkward
    assert list(label_map.read(tmp_path / "map.pbtxt").names) == [1, 7, 3, 90]


def test_ids_and_names():
    both = LabelMap.of(CATEGORIES)
    assert both.names[10] == "traffic light"
    assert both.ids["traffic light"] == 10
    assert len(both) == 6


def test_the_class_text_is_in_name(tmp_path):
    label_map.write(tmp_path / "map.pbtxt", LabelMap({3: "car"}))
    text = (tmp_path / "map.pbtxt").read_text()
    assert text == 'item {\n  name: "car"\n  id: 3\n  display_name: "car"\n}\n'


def test_reads_the_official_style(tmp_path):
    (tmp_path / "map.pbtxt").write_text(
        "# machine ids\n"
        'item {\n  name: "/m/01g317"\n  id: 1\n  display_name: "person"\n}\n'
        "item: { id: 3, name: 'car' keypoints { id: 1 label: 'wheel' } }\n"
    )
    assert label_map.read(tmp_path / "map.pbtxt").names == {1: "person", 3: "car"}


@pytest.mark.parametrize(
    "text",
    [
        "item { name: ",
        "",
        "<html>not found</html>",
        'item { name: "car" }',
        "item { id: 4 }",
        'item { name: "car" id: 0 }',
        'item { name: "car" id: 1 } item { name: "bus" id: 1 }',
        'item { name: "car" id: 1 } item { name: "car" id: 2 }',
    ],
)
def test_refuses(text, tmp_path):
    (tmp_path / "map.pbtxt").write_text(text)
    with pytest.raises(UserError, match=r"map\.pbtxt"):
        label_map.read(tmp_path / "map.pbtxt")


def test_refuses_what_is_not_there_or_not_text(tmp_path):
    with pytest.raises(UserError, match="no label map"):
        label_map.read(tmp_path / "map.pbtxt")
    (tmp_path / "map.pbtxt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"map\.pbtxt"):
        label_map.read(tmp_path / "map.pbtxt")


def test_the_label_map_of_coco():
    coco = label_map.read(COCO_LABEL_MAP)
    assert len(coco) == 80
    assert (coco.names[1], coco.names[10], coco.names[13], coco.names[90]) == (
        "person",
        "traffic light",
        "stop sign",
        "toothbrush",
    )
    holes = set(range(1, 91)) - set(coco.names)
    assert holes == {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
