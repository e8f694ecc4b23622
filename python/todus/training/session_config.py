"""How TensorFlow is to calculate a step of training: its precision, and whether XLA compiles it.

`auto` is float32, on all hardware so far. On a CPU that calculates in bfloat16 (AMX), a step took between a tenth more
and a twentieth less with it: converting to and fro costs what the faster convolutions give. What it does to the AP,
and anything on a GPU, has not been measured. XLA cannot compile this step on a CPU: some of its shapes, as the number
of boxes, change from batch to batch.
"""

from __future__ import annotations

from pathlib import Path

from todus.bridge.graph_mode import tf
from todus.errors import UserError

CPU_INFO = Path("/proc/cpuinfo")
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}  # as Linux names what a CPU can


def make(precision: str = "auto", xla: bool = False, has_gpu: bool | None = None) -> tf.ConfigProto:
    """The session's settings.

    Args:
      precision: auto, float32, bfloat16 (on CPUs that calculate in it) or float16 (on GPUs). Weights, optimizer and
        checkpoints are float32 with each of them.
      xla: let XLA compile what it can, on a GPU.
      has_gpu: None asks TensorFlow.

    Raises:
      UserError: this hardware cannot do it.
    """
    if has_gpu is None:
        has_gpu = bool(tf.config.list_physical_devices("GPU"))
    config = tf.ConfigProto(allow_soft_placement=has_gpu)
    _set_precision(config, precision, has_gpu)
    if xla:
        if not has_gpu:
            raise UserError("XLA=1 needs a GPU: on a CPU, XLA cannot compile steps whose shapes change; leave XLA out")
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    return config


def _set_precision(config: tf.ConfigProto, precision: str, has_gpu: bool) -> None:
    rewriter = config.graph_options.rewrite_options
    if precision == "float16":
        if not has_gpu:
            raise UserError("PRECISION=float16 needs a GPU; use PRECISION=auto, or bfloat16 on a CPU that has it")
        rewriter.auto_mixed_precision = rewriter.ON
    elif precision == "bfloat16":
        if has_gpu:
            raise UserError("PRECISION=bfloat16 is for CPUs; use PRECISION=float16 on a GPU, or auto")
        if not BFLOAT16_FLAGS & cpu_flags():
            raise UserError("PRECISION=bfloat16: this CPU does not calculate in it; use PRECISION=auto")
        rewriter.auto_mixed_precision_onednn_bfloat16 = rewriter.ON
    elif precision not in ("auto", "float32"):
        raise UserError(f"PRECISION={precision} is none of auto, float32, bfloat16, float16")


def cpu_flags() -> set[str]:
    """What the CPU says it can, in Linux's names; nothing where that is not to be had."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}
