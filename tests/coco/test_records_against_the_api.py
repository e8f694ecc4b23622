"""Every record equals the one that the API's own create_coco_tf_record writes, feature by feature."""

import pytest

from coco import mirror, record_oracle
from todus import bridge
from todus.coco import annotations, label_map
from todus.coco.label_map import LabelMap


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("names", [None, ["person", "traffic light"]])
def test_records_equal_those_of_the_api(split, names, mirror_folder, tmp_path):
    whole = mirror.train() if split == "train" else mirror.val()
    dataset, _ = annotations.clean(whole) if names is None else annotations.limit(whole, names)
    theirs, ours = record_oracle.both_ways(dataset, mirror_folder / f"{split}2017", tmp_path, split)
    assert ours == theirs
    assert sum(map(len, ours)) == len(dataset["images"]) > 0


def test_the_api_reads_our_label_map(tmp_path):
    bridge.install()
    from object_detection.utils import label_map_util

    awkward = LabelMap({1: "traffic light", 3: 'a "quoted" \\ name', 90: "café"})
    label_map.write(tmp_path / "map.pbtxt", awkward)
    assert label_map_util.get_label_map_dict(str(tmp_path / "map.pbtxt")) == awkward.ids
    assert label_map_util.get_label_map_dict(str(tmp_path / "map.pbtxt"), use_display_name=True) == awkward.ids
