"""Files that NVIDIA's converter wrote, where TODUS_SHARED names a folder that holds them as golden/uff/."""

import os
from pathlib import Path

import pytest
import reversed_uff
from google.protobuf import text_format

import uff
from uff.schema import MetaGraph
from uff.text import dump

SHARED = os.environ.get("TODUS_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="TODUS_SHARED names no folder with golden/uff/")

# The names of the text forms and the sizes of their binary files, which are not at hand.
SIZES = {
    "tmp_v1_coco": 27339595,
    "tmp_v1_egohands": 22287210,
    "tmp_v2_coco": 67790302,
    "tmp_v2_egohands": 15388773,
}


@pytest.fixture
def references():
    return Path(SHARED) / "golden" / "uff"


@pytest.fixture(params=SIZES)
def reference(request, references):
    return request.param, (references / "ssd-text-dumps" / f"{request.param}.pbtxt").read_text(encoding="utf-8")


def test_a_graph_converts_to_the_file_that_was_made_of_it(references):
    pair = references / "pair-add-tanh"
    theirs = (pair / "model.uff").read_bytes()
    expected = MetaGraph.FromString(theirs)
    outputs = [node.inputs[0] for node in expected.graphs[0].nodes if node.operation == "MarkOutput"]
    ours = uff.from_tensorflow_frozen_model(pair / "model.pb", outputs, quiet=True)
    assert MetaGraph.FromString(ours) == expected
    assert len(ours) == len(theirs)  # the order of the maps differs
    assert uff.from_tensorflow_frozen_model(pair / "model.pb", quiet=True) == ours  # the outputs are found


def test_the_text_form_is_theirs_byte_by_byte(reference):
    _, text = reference
    assert dump(text_format.Parse(text, MetaGraph())) == text


def test_the_binary_file_has_the_size_of_theirs(reference):
    name, text = reference
    meta = reversed_uff.with_zeros(text)
    assert len(meta.SerializeToString(deterministic=True)) == SIZES[name]
    assert dump(meta) == text


def test_their_graph_converts_to_the_same_nodes_in_the_same_order(reference):
    """Operations, inputs, fields, order, weights and what is referenced: all of the file."""
    name, text = reference
    meta = reversed_uff.with_zeros(text)
    ours = uff.from_tensorflow(reversed_uff.graph_def(meta), ["NMS"], quiet=True)
    assert [node.id for node in MetaGraph.FromString(ours).graphs[0].nodes] == [
        node.id for node in meta.graphs[0].nodes
    ]
    assert dump(MetaGraph.FromString(ours)) == text
    assert len(ours) == SIZES[name]
