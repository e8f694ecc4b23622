"""What TensorBoard will find in the events."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from todus.bridge.graph_mode import tf
from todus.training.monitoring import pictures
from todus.training.monitoring.summaries import EventWriter


def events(folder: Path) -> list:
    (file,) = folder.glob("events.out.tfevents.*")
    return list(tf.train.summary_iterator(str(file)))


def test_the_writers_of_a_folder_share_one_file(tmp_path):
    training, evaluation = EventWriter(tmp_path), EventWriter(tmp_path)
    training.start(40)
    training.scalars(60, {"loss/total": 2.5, "learning_rate": 0.01})
    evaluation.scalars(60, {"AP": 0.25})
    training.flush()
    found = events(tmp_path)
    values = {(event.step, value.tag): value.simple_value for event in found for value in event.summary.value}
    assert values == pytest.approx({(60, "loss/total"): 2.5, (60, "learning_rate"): 0.01, (60, "AP"): 0.25})
    assert [event.step for event in found if event.session_log.status == tf.SessionLog.START] == [40]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # of TensorFlow's own thread
def test_where_events_cannot_be_written_training_goes_on_and_it_is_said_once(tmp_path, capsys):
    writer = EventWriter(tmp_path)
    writer.scalars(1, {"loss/total": 2.5})
    writer.flush()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))  # as with a full disk
    try:
        for step in range(20):
            writer.image(step, "batch/0", np.random.default_rng(step).integers(0, 256, [20, 20, 3]).astype(np.uint8))
            writer.flush()
        EventWriter(tmp_path).scalars(60, {"AP": 0.25})
        EventWriter(tmp_path).flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == ["TensorBoard's curves end here"]


def test_a_picture_is_what_it_was(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, [7, 5, 3]).astype(np.uint8)
    writer = EventWriter(tmp_path)
    writer.image(3, "batch/0", picture)
    writer.flush()
    (image,) = [value.image for event in events(tmp_path) for value in event.summary.value]
    assert (image.height, image.width) == (7, 5)
    with tf.Graph().as_default(), tf.Session() as session:
        np.testing.assert_array_equal(session.run(tf.image.decode_png(image.encoded_image_string)), picture)


def test_of_a_batch_some_images_are_drawn_with_their_boxes():
    images = np.full([5, 320, 320, 3], 128, np.uint8)
    boxes = np.zeros([5, 4, 4], np.float32)
    boxes[0, 0] = (0.25, 0.5, 0.75, 1.0)  # the other rows are none
    first, second, third = pictures.drawn(images, boxes)
    changed = np.argwhere(np.any(first != 128, axis=2))
    assert np.abs(changed.min(axis=0) - (80, 160)).max() <= 2
    assert np.abs(changed.max(axis=0) - (240, 319)).max() <= 2
    assert np.all(second == 128)
    assert np.all(third == 128)
