"""Every record equals the one that the API's own create_coco_tf_record writes, feature by feature."""

import numpy as np
import pytest

from coco import mirror
from coco.records import record_oracle
from todus import bridge
from todus.coco import annotations, label_map
from todus.coco.label_map import LabelMap
from todus.coco.records import writer
from todus.layout import Dataset


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("names", [None, ["person", "traffic light"]])
def test_records_equal_those_of_the_api(split, names, masks, mirror_folder, tmp_path):
    whole = mirror.truth(mirror.train() if split == "train" else mirror.val())
    truth, _ = annotations.clean(whole) if names is None else annotations.limit(whole, names)
    theirs, ours = record_oracle.both_ways(truth, mirror_folder / f"{split}2017", tmp_path, split, masks)
    if masks:
        pairs = list(zip(record_oracle.take_masks(theirs), record_oracle.take_masks(ours), strict=True))
        assert len(pairs) == len(truth.boxes) > 0
        assert all(np.array_equal(their, our) for their, our in pairs)
    assert ours == theirs
    assert sum(map(len, ours)) == len(truth.images) > 0


def test_the_api_reads_our_masks(mirror_folder, tmp_path):
    from todus.bridge.graph_mode import tf

    from object_detection.data_decoders.tf_example_decoder import TfExampleDecoder
    from object_detection.protos import input_reader_pb2

    truth, _ = annotations.clean(mirror.truth(mirror.train()))
    target = Dataset(tmp_path / "made")
    writer.write_split(truth, mirror_folder / "train2017", target, "train", masks=True)
    (record,) = tf.io.tf_record_iterator(str(target.record("train", 2)))
    with tf.Graph().as_default(), tf.Session() as session:
        decoder = TfExampleDecoder(load_instance_masks=True, instance_mask_type=input_reader_pb2.PNG_MASKS)
        read = session.run(decoder.decode(tf.constant(record)))
    box, crowd = read["groundtruth_instance_masks"]
    assert read["image"].shape == (40, 30, 3)
    assert box.shape == crowd.shape == (40, 30)
    assert box[2:11, 1:7].all() and box.sum() == 6 * 9  # 1.1 to 6.6 by 2.2 to 11.0
    assert crowd.sum() == 8


def test_the_api_reads_our_label_map(tmp_path):
    bridge.install()
    from object_detection.utils import label_map_util

    awkward = LabelMap({1: "traffic light", 3: 'a "quoted" \\ name', 90: "café"})
    label_map.write(tmp_path / "map.pbtxt", awkward)
    assert label_map_util.get_label_map_dict(str(tmp_path / "map.pbtxt")) == awkward.ids
    assert label_map_util.get_label_map_dict(str(tmp_path / "map.pbtxt"), use_display_name=True) == awkward.ids
