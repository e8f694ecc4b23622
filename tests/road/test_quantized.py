"""The road with QUANTIZE=1: ranges are measured before any training; then as ever."""

from __future__ import annotations

import shutil

import pytest

from support import NAME, run_verb
from todus import checkpoint, layout, status
from todus.bridge.graph_mode import tf
from todus.converting import tflite_file

LAYERS = 47


@pytest.fixture(scope="module")
def quantized(prepared: layout.Home, zoo: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[layout.Home, str]:
    """A tree with a model whose ranges were measured, and what `make model QUANTIZE=1` said."""
    home = layout.Home(tmp_path_factory.mktemp("quantized") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    result = run_verb("model", home, MODEL=NAME, ZOO_URL=zoo, QUANTIZE="1")
    assert result.returncode == 0, result.stderr
    return home, result.stdout


def test_make_model_measures_the_ranges_last_and_says_so(quantized):
    home, said = quantized
    variables = checkpoint.read(checkpoint.at_step(home.model(NAME).training, 0))
    greatest = {name: float(value) for name, value in variables.items() if name.endswith("act_quant/max")}
    assert len(greatest) == LAYERS
    relus = [value for name, value in greatest.items() if name.startswith("FeatureExtractor")]
    assert all(0 <= value < 6.01 for value in relus)
    assert len(set(greatest.values())) > 20
    *_, measuring, made, advice = said.splitlines()
    assert measuring == "measuring the ranges of activations of model.ckpt-0 on images of dataset limited"
    assert made.startswith("made model/ssd_mobilenet_v1_mini/training/model.ckpt-0 (")
    assert advice.startswith("next: make eval")


def test_again_it_measures_nothing(quantized):
    home, _ = quantized
    result = run_verb("model", home, MODEL=NAME)
    assert result.returncode == 0, result.stderr
    assert "measuring" not in result.stdout
    assert result.stdout.splitlines()[-1].startswith("next: make eval")


def test_it_is_converted_to_8_bits_and_evaluated_without_any_training(quantized):
    home, _ = quantized
    model = home.model(NAME)
    for verb, more in (("export-tflite", {}), ("convert-tflite", {}), ("eval", {"GRAPH": "tflite"})):
        result = run_verb(verb, home, MODEL=NAME, **more)
        assert result.returncode == 0, result.stderr
        assert "note:" not in result.stdout, "all of it is of the model as it is now"
    facts = tflite_file.facts_in(model.tflite)
    assert facts.is_quantized and facts.checkpoint == "model.ckpt-0"
    assert "not all" not in dict(status.lines(model))["tflite"]


def test_it_is_evaluated_trained_and_exported_with_rounding(quantized):
    home, _ = quantized
    model = home.model(NAME)
    for verb, more in (("eval", {}), ("train", {"STEPS": "2"}), ("export", {})):
        result = run_verb(verb, home, MODEL=NAME, **more)
        assert result.returncode == 0, result.stderr
    before, after = (checkpoint.read(checkpoint.at_step(model.training, step)) for step in (0, 2))
    followed = [name for name in before if name.endswith("local_step") and after[name] == before[name] + 2]
    assert len(followed) == 2 * LAYERS, "the averages go on from what was measured"
    frozen = tf.GraphDef.FromString(model.frozen_graph.read_bytes())
    assert [node.op for node in frozen.node].count("FakeQuantWithMinMaxVars") == 2 * LAYERS


def test_a_benchmark_has_8_bits_and_no_uff_and_measures_what_the_checkpoint_lacks(quantized, prepared):
    home, _ = quantized
    model = home.model(NAME)
    prefix = checkpoint.at_step(model.training, 7)
    checkpoint.write(prefix, checkpoint.read(checkpoint.at_step(prepared.model(NAME).training, 0)))
    result = run_verb("benchmark", home, MODEL=NAME, GRAPH="uint8 uff", THREADS="1")
    assert result.returncode == 0, result.stderr
    assert "measuring the ranges of activations of model.ckpt-7" in result.stdout
    assert len([name for name in checkpoint.shapes(prefix) if name.endswith("act_quant/max")]) == LAYERS
    uint8, uff = (line for line in result.stdout.splitlines() if line.startswith(("| TFLite uint8", "| UFF")))
    assert float(uint8.split("|")[6]) > 0, "milliseconds"
    assert uff.startswith("| UFF (UFF cannot have fake quantization")
    assert "which makes another model of it" in result.stdout
