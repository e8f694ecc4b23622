"""The two functions and the command line: files, text, what is printed, what is returned, what is refused."""

import numpy as np
import pytest
from google.protobuf import text_format

import made_graph
from support import run_python
from todus.bridge.graph_mode import tf

import graphsurgeon as gs
import uff
from uff.schema import MetaGraph


def network():
    x = tf.placeholder(tf.float32, [1, 4], name="x")
    large = tf.constant(np.ones((4, 4), np.float32), name="large")
    product = tf.matmul(x, large, name="product")
    tf.nn.bias_add(product, tf.constant([1.0, 2, 3, 4], name="small"), name="y")
    tf.linalg.band_part(product, 1, 1, name="z")


@pytest.fixture
def frozen(tmp_path):
    path = tmp_path / "frozen.pb"
    path.write_bytes(made_graph.built(network).SerializeToString())
    return path


def test_the_file_is_what_is_returned(frozen, tmp_path):
    content = uff.from_tensorflow_frozen_model(str(frozen), ["y"], output_filename=str(tmp_path / "y.uff"), quiet=True)
    assert isinstance(content, bytes)
    assert (tmp_path / "y.uff").read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frozen.pb", "y.uff"]
    assert MetaGraph.FromString(content).graphs[0].nodes[-1].operation == "MarkOutput"


def test_equal_graphs_make_equal_bytes(frozen):
    graph_def = made_graph.built(network)
    with tf.Graph().as_default() as graph:
        network()
    forms = [graph_def, graph, gs.StaticGraph(graph_def), gs.DynamicGraph(graph_def), frozen]
    assert len({uff.from_tensorflow(form, ["y"], quiet=True) for form in forms}) == 1


def test_the_text_leaves_out_long_weights(frozen, tmp_path):
    uff.from_tensorflow_frozen_model(frozen, ["y"], output_filename=tmp_path / "y.uff", text=True, quiet=True)
    text = (tmp_path / "y.pbtxt").read_text()
    parsed = text_format.Parse(text, MetaGraph())
    binary = MetaGraph.FromString((tmp_path / "y.uff").read_bytes())
    assert parsed.graphs == binary.graphs
    assert parsed.referenced_data["weights_large"].blob == b"(...64 bytes skipped...)"
    assert parsed.referenced_data["weights_small"].blob == np.float32([1, 2, 3, 4]).tobytes()
    assert parsed.referenced_data["orders_NC_CK"] == binary.referenced_data["orders_NC_CK"]


def test_without_outputs_those_that_nobody_reads_are_taken(frozen):
    content, inputs, outputs = uff.from_tensorflow_frozen_model(frozen, quiet=True, return_graph_info=True)
    assert [node.name for node in inputs] == ["x"]
    assert [node.name for node in outputs] == ["y", "z"]
    assert [node.inputs[0] for node in MetaGraph.FromString(content).graphs[0].nodes[-2:]] == ["y", "z"]
    assert content == uff.from_tensorflow_frozen_model(frozen, ["y", "z"], quiet=True)


def test_one_output_may_be_given_by_its_bare_name(frozen):
    assert uff.from_tensorflow(frozen, "y", quiet=True) == uff.from_tensorflow(frozen, ["y"], quiet=True)


def test_an_output_may_be_given_as_a_tensor(frozen):
    content, _, outputs = uff.from_tensorflow(frozen, ["y:0"], quiet=True, return_graph_info=True)
    assert [node.name for node in outputs] == ["y"]
    assert content == uff.from_tensorflow(frozen, ["y"], quiet=True)
    with pytest.raises(uff.UffError, match="reads output 1 of y"):
        uff.from_tensorflow(frozen, ["y:1"], quiet=True)


def test_what_is_printed(frozen, tmp_path, capsys):
    uff.from_tensorflow_frozen_model(frozen, ["y", "z"], output_filename=tmp_path / "y.uff", text=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "=== Automatically deduced input nodes ==="
    assert '[name: "x"' in lines
    tail = lines[lines.index("Using output node y") :]
    assert tail == [
        "Using output node y",
        "Using output node z",
        "Converting to UFF graph",
        "Warning: No conversion function registered for layer: MatrixBandPart yet.",
        "Converting z as custom op: MatrixBandPart",
        "No. nodes: 10",
        f"UFF Output written to {tmp_path / 'y.uff'}",
        f"UFF Text Output written to {tmp_path / 'y.pbtxt'}",
    ]


def test_quiet_says_nothing_and_debug_more(frozen, capsys):
    uff.from_tensorflow(frozen, ["y", "z"], quiet=True, debug_mode=True, list_nodes=True)
    assert capsys.readouterr().out == ""
    uff.from_tensorflow(frozen, ["y"], debug_mode=True, list_nodes=True)
    said = capsys.readouterr().out
    assert "0 Placeholder: x\n" in said
    assert "Converted product (MatMul) to FullyConnected\n" in said


def test_the_preprocessed_graph_can_be_kept(frozen, tmp_path):
    script = tmp_path / "config.py"
    script.write_text("def preprocess(dynamic_graph):\n    dynamic_graph.remove('z')\n")
    target = tmp_path / "made" / "y.uff"
    target.parent.mkdir()
    options = {"output_filename": target, "write_preprocessed": True, "quiet": True}
    uff.from_tensorflow_frozen_model(frozen, [], str(script), **options)
    kept = gs.StaticGraph(target.with_name("y_preprocessed.pb"))
    assert "z" not in kept.node_map
    assert "y" in kept.node_map
    assert len(list((target.parent / "y_preprocessed").iterdir())) == 1


def test_the_preprocessed_graph_has_the_whole_name_of_the_file(frozen, tmp_path):
    options = {"output_filename": tmp_path / "frozen.v2.uff", "write_preprocessed": True, "quiet": True}
    before = frozen.read_bytes()
    uff.from_tensorflow_frozen_model(frozen, ["y"], **options)
    assert (tmp_path / "frozen.v2_preprocessed.pb").is_file()
    assert frozen.read_bytes() == before


@pytest.mark.parametrize(
    ("source", "target", "options", "says"),
    [
        ("g.pb", "g.pb", {}, r"g\.pb is read itself; give another output file$"),
        ("g.pb", "link.uff", {}, r"link\.uff is read itself"),
        ("g.pb", "../{folder}/g.pb", {}, r"g\.pb is read itself"),
        ("g.pbtxt", "g.uff", {"text": True}, r"g\.pbtxt is read itself"),
        ("g.pb", "config.py", {"preprocessor": "config.py"}, r"config\.py is read itself"),
        ("g_preprocessed.pb", "g.uff", {"write_preprocessed": True}, r"g_preprocessed\.pb is read itself"),
        ("g.pb", "out.pbtxt", {"text": True}, r"out\.pbtxt would be written twice"),
    ],
)
def test_no_file_is_written_over_one_that_is_needed(frozen, tmp_path, source, target, options, says):
    graph_def = made_graph.built(network)
    content = str(graph_def).encode() if source.endswith(".pbtxt") else graph_def.SerializeToString()
    frozen.rename(tmp_path / source).write_bytes(content)
    (tmp_path / "link.uff").symlink_to(source)
    (tmp_path / "config.py").write_text("def preprocess(graph):\n    pass\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    if "preprocessor" in options:
        options = {"preprocessor": tmp_path / options["preprocessor"]}
    output = tmp_path / target.format(folder=tmp_path.name)
    with pytest.raises(uff.UffError, match=says):
        uff.from_tensorflow(tmp_path / source, ["y"], output_filename=output, quiet=True, **options)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_no_frozen_graph_is_refused(tmp_path):
    with pytest.raises(uff.UffError, match=r"^there is no frozen graph .*nowhere\.pb$"):
        uff.from_tensorflow_frozen_model(tmp_path / "nowhere.pb", ["y"])
    (tmp_path / "text.pb").write_text("this is no graph at all")
    with pytest.raises(uff.UffError, match=r"text\.pb holds no TensorFlow graph$"):
        uff.from_tensorflow_frozen_model(tmp_path / "text.pb", ["y"])


@pytest.mark.parametrize("option", ["text", "write_preprocessed"])
def test_what_is_written_beside_the_file_needs_the_file(frozen, option):
    with pytest.raises(uff.UffError, match="output_filename"):
        uff.from_tensorflow_frozen_model(frozen, ["y"], quiet=True, **{option: True})


COMMAND = "import runpy, sys; sys.argv[0] = 'uff'; runpy.run_module('uff', run_name='__main__')"


def test_the_command_line_converts(frozen, tmp_path):
    script = tmp_path / "config.py"
    script.write_text("def preprocess(dynamic_graph):\n    dynamic_graph['y'].name = 'out'\n")
    target = tmp_path / "other.uff"
    result = run_python(COMMAND, frozen, "-o", target, "-O", "out", "-O", "z", "-p", script, "-t")
    assert result.returncode == 0, result.stderr
    marks = [node.inputs[0] for node in MetaGraph.FromString(target.read_bytes()).graphs[0].nodes[-2:]]
    assert marks == ["out", "z"]
    assert target.with_suffix(".pbtxt").is_file()
    assert f"UFF Output written to {target}" in result.stdout


def test_the_command_line_says_a_mistake_in_one_line(tmp_path):
    result = run_python(COMMAND, tmp_path / "nowhere.pb")
    assert result.returncode == 1
    assert result.stderr == f"uff: there is no frozen graph {tmp_path / 'nowhere.pb'}\n"


def test_the_command_line_never_writes_over_its_graph(frozen, tmp_path):
    graph = frozen.rename(tmp_path / "graph.uff")
    before = graph.read_bytes()
    result = run_python(COMMAND, graph, "-O", "y")
    assert result.returncode == 1
    assert result.stderr == f"uff: {graph} is read itself; give another output file\n"
    assert graph.read_bytes() == before
