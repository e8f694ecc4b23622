"""The checker and the interpreter of .uff files on files that NVIDIA's converter wrote, in TODUS_SHARED.

If these did not pass, nothing that they say of our files would count.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format

from todus.bridge.graph_mode import tf
from uff_interpreter import interpreter, netron, structure, uff_file

from uff import schema

REFERENCES = Path(os.environ.get("TODUS_SHARED", "no-such-folder")) / "golden" / "uff"
pytestmark = pytest.mark.skipif(not REFERENCES.is_dir(), reason="TODUS_SHARED names no folder with golden/uff/")

PAIR = REFERENCES / "pair-add-tanh"
DUMPS = sorted((REFERENCES / "ssd-text-dumps").glob("*.pbtxt"))
_SKIPPED = re.compile(rb"\(\.\.\.(\d+) bytes skipped\.\.\.\)")


def test_the_reference_file_computes_what_its_graph_does() -> None:
    file = uff_file.read(PAIR / "model.uff")
    given = file.one("Input")
    values = np.random.default_rng(1).normal(size=(3, given.fields["shape"].value[1])).astype(np.float32)
    (found,) = interpreter.run(file, values)
    definition = tf.GraphDef.FromString((PAIR / "model.pb").read_bytes())
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(definition, name="")
        wanted = session.run(f"{file.one('MarkOutput').inputs[0]}:0", {f"{given.id}:0": values})
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert wanted.std(axis=0).max() > 0.1


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_the_reference_dumps_are_sound(path: Path) -> None:
    file = filled(path)
    assert structure.problems(file) == []
    assert len(file.nodes) > 300


def test_a_reference_of_a_whole_detector_is_executed() -> None:
    """Its weights are not in the dump, but all that they are put together with: shapes, anchors, suppression."""
    file = filled(REFERENCES / "ssd-text-dumps" / "tmp_v1_coco.pbtxt")
    found = interpreter.detect(file, np.zeros([300, 300, 3], np.uint8))
    assert len(found.scores) == 100
    assert (found.scores == 0.5).all()  # the sigmoid of zero weights, above the threshold of 0.3


def filled(path: Path) -> uff_file.UffFile:
    """A dump as the file that it was made from, its weights replaced by zeros."""
    meta = text_format.Parse(path.read_text(encoding="utf-8"), schema.MetaGraph())
    for data in meta.referenced_data.values():
        if skipped := _SKIPPED.fullmatch(data.blob):
            data.blob = bytes(int(skipped[1]))
    return uff_file.parse(meta.SerializeToString())


@pytest.mark.skipif(netron.missing() is not None, reason=netron.missing() or "")
def test_netron_reads_the_references() -> None:
    for read in netron.read(PAIR / "model.uff", *DUMPS):
        assert (read.format, read.graph, read.errors) == ("UFF v1", "main", [])
