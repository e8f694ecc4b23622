"""A record that is damaged: which file it is, how to mend it, and that training goes on from where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from todus import checkpoint
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.errors import WorldError
from todus.layout import Home
from todus.training import failures

LABEL_MAP = "item { name: 'bear' id: 1 }\nitem { name: 'zebra' id: 2 }\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Three files of records, the checkpoint of step 40, and a label map."""
    home = Home(tmp_path)
    dataset = home.dataset("limited")
    dataset.folder.mkdir(parents=True)
    for shard in range(3):
        with tf.io.TFRecordWriter(str(dataset.record("train", shard))) as writer:
            for record in range(5):
                writer.write(bytes([record]) * 400)
    dataset.label_map.write_text(LABEL_MAP)
    checkpoint.write(checkpoint.at_step(home.model("x").training, 40), {"x": np.zeros(1)})
    return home


def read_all(home: Home) -> int:
    """How many records a step would find, by TensorFlow's own reader."""
    dataset = home.dataset("limited")
    pattern = dataset.folder / dataset.records_pattern("train")
    reader = f"tf_record_input_reader {{ input_path: '{pattern}' }} label_map_path: '{dataset.label_map}'"
    pipeline = pipelines.parse(f"train_input_reader {{ {reader} }}")
    with tf.Graph().as_default(), tf.Session() as session:
        files = tf.data.Dataset.list_files(str(pattern), shuffle=False)
        count = files.interleave(tf.data.TFRecordDataset).reduce(np.int64(0), lambda count, _: count + 1)
        with failures.in_one_line(pipeline, home.model("x").training):
            return int(session.run(count))


def test_records_that_are_whole_are_read(home):
    assert read_all(home) == 15


def test_an_image_that_cannot_be_decoded_is_told_with_where_the_records_are(home):
    pattern = home.dataset("limited").folder / home.dataset("limited").records_pattern("train")
    reader = f"tf_record_input_reader {{ input_path: '{pattern}' }} "
    reader += f"label_map_path: '{home.dataset('limited').label_map}'"
    pipeline = pipelines.parse(f"train_input_reader {{ {reader} }}")
    training = home.model("x").training
    with (
        tf.Graph().as_default(),
        tf.Session() as session,
        pytest.raises(WorldError) as failed,
        failures.in_one_line(pipeline, training),
    ):
        session.run(tf.image.decode_jpeg(b"no picture"))
    assert str(pattern) in str(failed.value)
    assert "make dataset-limited" in str(failed.value)
    assert str(failed.value).endswith("goes on from model.ckpt-40")
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("how", ["flipped", "cut off"])
def test_a_damaged_record_is_named_with_what_helps(home, how):
    damaged = home.dataset("limited").record("train", 1)
    content = bytearray(damaged.read_bytes())
    content[1000] ^= 0xFF
    damaged.write_bytes(content if how == "flipped" else content[:1000])
    with pytest.raises(WorldError) as failed:
        read_all(home)
    assert str(failed.value) == (
        f'{damaged} is damaged; delete it, run make dataset-limited CATEGORIES="bear, zebra" TODUS_HOME={home.folder}, '
        "and train again: training goes on from model.ckpt-40"
    )
