"""A cut detector says of an image what the whole one said, of the classes kept: for every family of the zoo.

Left out, for the time they take: the feature extractors of ResNet (two-stage; with SSD it is here), Inception ResNet,
NAS and PNASNet. The heads after them are those of the families that are here.
"""

from __future__ import annotations

import numpy as np
import pytest

from zoo import cut_equality, families
from zoo.cut_equality import KEPT, Pair


@pytest.fixture(scope="module", params=families.ALL)
def pair(request: pytest.FixtureRequest) -> Pair:
    return cut_equality.pair(families.pipeline(families.ALL[request.param]))


def test_the_boxes_and_logits_of_the_classes_kept_are_what_they_were(pair):
    cut_equality.check_heads(pair)


def test_a_sigmoid_s_scores_are_what_they_were_and_a_softmax_is_shared_among_fewer(pair):
    cut_equality.check_scores(pair)


def test_the_detections_of_the_classes_kept_are_what_they_were(pair):
    assert (pair.full.outputs["num_detections"] == pair.all_detections()).all(), "some were cut off"
    cut_equality.check_detections(pair)


def test_where_the_full_list_was_cut_off_the_detections_above_are_what_they_were():
    pipeline = families.pipeline(families.SSD["ppn"])
    cut_equality.suppression(pipeline).max_total_detections = 40
    pair = cut_equality.pair(pipeline)
    assert all(pair.is_cut_off(image) for image in range(cut_equality.IMAGES))
    cut_equality.check_detections(pair)
    compared = np.isin(pair.full.outputs["detection_classes"], KEPT).sum()
    assert 0 < compared < pair.cut.outputs["num_detections"].sum(), "nothing was compared, or nothing cut off"
