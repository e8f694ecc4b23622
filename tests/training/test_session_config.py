"""PRECISION and XLA: what this hardware cannot do is said in one line."""

from __future__ import annotations

import pytest

from todus.bridge.graph_mode import tf
from todus.errors import UserError
from todus.training import session_config

CPU_WITHOUT = "processor : 0\nflags\t\t: fpu avx512f\n"
CPU_WITH = "processor : 0\nflags\t\t: fpu avx512f avx512_bf16 amx_tile\n"


def cpu(monkeypatch, tmp_path, text: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(session_config, "CPU_INFO", tmp_path / "cpuinfo")


@pytest.mark.parametrize("precision", ["auto", "float32"])
@pytest.mark.parametrize("has_gpu", [False, True])
def test_by_default_nothing_is_changed(precision, has_gpu):
    config = session_config.make(precision, has_gpu=has_gpu)
    assert config == tf.ConfigProto(allow_soft_placement=has_gpu)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "float16"}, "PRECISION=float16 needs a GPU; use PRECISION=auto"),
        ({"precision": "bfloat16", "has_gpu": True}, "PRECISION=bfloat16 is for CPUs; use PRECISION=float16"),
        ({"precision": "float8"}, "PRECISION=float8 is none of auto, float32, bfloat16, float16"),
        ({"xla": True}, "XLA=1 needs a GPU: .* leave XLA out"),
    ],
)
def test_what_this_hardware_cannot_do_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        session_config.make(**{"has_gpu": False, **settings})


def test_bfloat16_needs_a_cpu_that_calculates_in_it(monkeypatch, tmp_path):
    cpu(monkeypatch, tmp_path, CPU_WITHOUT)
    with pytest.raises(UserError, match="this CPU does not calculate in it"):
        session_config.make("bfloat16", has_gpu=False)
    cpu(monkeypatch, tmp_path, CPU_WITH)
    rewriter = session_config.make("bfloat16", has_gpu=False).graph_options.rewrite_options
    assert rewriter.auto_mixed_precision_onednn_bfloat16 == rewriter.ON


def test_a_gpu_takes_float16_and_xla():
    config = session_config.make("float16", xla=True, has_gpu=True)
    assert config.graph_options.rewrite_options.auto_mixed_precision == config.graph_options.rewrite_options.ON
    assert config.graph_options.optimizer_options.global_jit_level == tf.OptimizerOptions.ON_1


def test_a_cpu_of_another_kind_says_nothing_of_itself(monkeypatch, tmp_path):
    monkeypatch.setattr(session_config, "CPU_INFO", tmp_path / "gone")
    assert session_config.cpu_flags() == set()
