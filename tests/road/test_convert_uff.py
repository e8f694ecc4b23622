"""make convert-uff: right after make model, with what it tells and leaves, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from support import KEPT, NAME, failed_in_one_line, run_verb
from todus import layout
from todus.coco import label_map, labels
from todus.converting import uff
from todus.errors import UserError

SCRIPT = """
import graphsurgeon as gs

def preprocess(dynamic_graph):
    print("preparing", len(dynamic_graph))
    heads = [node for node in dynamic_graph.find_nodes_by_name("BoxPredictor_0/ClassPredictor/BiasAdd")]
    image = gs.create_node("Input", op="Placeholder", dtype="float32", shape=[1, 3, 96, 96])
    dynamic_graph.collapse_namespaces({"Preprocessor": image})
    dynamic_graph.append(gs.create_plugin_node("NMS", op="FlattenConcat_TRT", axis=1, inputs=heads))
"""


@pytest.fixture(scope="module")
def exported(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Home:
    """A prepared and converted model, of whose tree only model/ is there; what the verb said is in said.txt."""
    home = layout.Home(tmp_path_factory.mktemp("converted"))
    shutil.copytree(prepared.folder, home.folder, dirs_exist_ok=True)
    result = run_verb("convert-uff", home, TEXT="1", THRESHOLD="0.3")
    assert result.returncode == 0, result.stderr
    (home.folder / "said.txt").write_text(result.stdout)
    return home


def read(model: layout.Model):
    from uff.schema import MetaGraph

    return {node.id: node for node in MetaGraph.FromString(model.uff.read_bytes()).graphs[0].nodes}


def test_it_exports_first_and_writes_file_text_and_labels(exported: layout.Home) -> None:
    model = exported.model(NAME)
    assert model.frozen_graph.is_file()
    assert read(model)["NMS"].fields["numClasses_u_int"].i == 1 + len(KEPT.split(","))
    assert read(model)["NMS"].fields["confidenceThreshold_u_float"].d == pytest.approx(0.3)
    assert labels.read(model.converted_labels) == label_map.read(model.label_map)
    assert 'operation: "_NMS_TRT"' in model.uff_text.read_text(encoding="utf-8")


def test_it_tells_what_is_in_the_file_and_what_to_do_on_the_device(exported: layout.Home) -> None:
    said = (exported.folder / "said.txt").read_text()
    for words in (
        f"made model/{NAME}/{NAME}.uff",
        "plugins: FlattenConcat_TRT 2, GridAnchor_TRT 1, NMS_TRT 1",
        "input Input: 3x96x96 (channels first), RGB, pixels as 2 / 255 * x - 1",
        "output NMS (to TensorRT's Python parser: MarkOutput_0)",
        "numClasses 4 (background and 3), inputOrder 0 2 1",
        "scores above 0.3",
        'register_input("Input", (3, 96, 96), trt.UffInputOrder.NCHW), register_output("MarkOutput_0")',
        f"trtexec --uff={NAME}.uff --uffInput=Input,3,96,96 --output=NMS --saveEngine={NAME}.engine",
    ):
        assert words in said


def test_the_zoo_s_graph_has_all_its_classes(exported: layout.Home, capsys) -> None:
    model = exported.model(NAME)
    uff.convert(model, "pretrained", "trt5")
    assert read(model)["NMS"].fields["numClasses_u_int"].i == 91
    assert len(labels.read(model.converted_labels).ids) == 80
    assert not model.uff_text.is_file(), "the text of another conversion is misleading"


def test_a_script_of_the_user_s_prepares_the_graph(exported: layout.Home, tmp_path: Path, capsys) -> None:
    script = tmp_path / "config.py"
    script.write_text(SCRIPT)
    model = exported.model(NAME)
    uff.convert(model, "exported", config=script)
    said = capsys.readouterr().out
    assert "preparing" in said and "2 / 255" not in said
    assert read(model)["NMS"].operation == "_FlattenConcat_TRT"
    script.write_text("def preprocess(dynamic_graph):\n    pass\n")
    with pytest.raises(UserError, match="NMS"):
        uff.convert(model, "exported", config=script)


def test_a_graph_anywhere_needs_its_pipeline_beside_it(exported: layout.Home, tmp_path: Path) -> None:
    model = exported.model(NAME)
    graph = tmp_path / "graph.pb"
    graph.write_bytes(model.frozen_graph.read_bytes())
    with pytest.raises(UserError, match=r"graph.pb has no pipeline.config beside it"):
        uff.convert(model, str(graph))
    (tmp_path / layout.PIPELINE).write_bytes(model.exported_pipeline.read_bytes())
    uff.convert(model, str(graph))
    assert read(model)["NMS"].fields["numClasses_u_int"].i == 4
    assert not model.converted_labels.is_file(), "it has none beside it"


def test_an_export_for_other_categories_is_not_converted(exported: layout.Home) -> None:
    model = exported.model(NAME)
    text = model.labels.read_text()
    model.labels.write_text("dog\ncat\n")
    try:
        with pytest.raises(UserError, match=r"exported for dog, cat, the model is now for .*make export"):
            uff.convert(model, "exported")
    finally:
        model.labels.write_text(text)


def test_mistakes_are_one_line(exported: layout.Home) -> None:
    def said(**variables: str):
        return run_verb("convert-uff", exported, **variables)

    assert failed_in_one_line(said(PLUGINS="trt9"), "PLUGINS", "trt9", "trt5")
    assert failed_in_one_line(said(GRAPH="nothing.pb"), "nothing.pb is not there")
    assert failed_in_one_line(said(THRESHOLD="30%"), "THRESHOLD", "30%")
    assert failed_in_one_line(said(CONFIG="no.py", GRAPH="exported"), "no config script", "no.py")
    script = exported.folder / "script.py"
    script.write_text(SCRIPT)
    assert failed_in_one_line(said(CONFIG=str(script), THRESHOLD="0.3"), "THRESHOLD is not for CONFIG")
    assert failed_in_one_line(said(CONFIG=str(script), PLUGINS="trt7"), "PLUGINS is not for CONFIG")


def test_an_archive_without_a_frozen_graph(home: layout.Home) -> None:
    model = home.model(NAME)
    model.pretrained_graph.unlink()
    with pytest.raises(UserError, match=r"has no frozen graph .*leave GRAPH away"):
        uff.convert(model, "pretrained")


def test_i_means_the_exported_graph_and_none_is_made(home: layout.Home, monkeypatch) -> None:
    arguments = ["uff", "--model-dir", str(home.model(NAME).folder), "-i", "-t"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(UserError, match="is not exported; run: make export"):
        uff.main()
    monkeypatch.setattr("sys.argv", [*arguments, "--graph", "pretrained"])
    with pytest.raises(UserError, match="-i means the exported graph"):
        uff.main()
