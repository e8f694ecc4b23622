"""What needs no TensorFlow does not import it: `--help`, the datasets, and every verb until it has real work to do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from todus import layout

ENTRIES = (
    "todus.picture",
    "todus.coco.dataset",
    "todus.coco.statistics",
    "todus.coco.preview",
    "todus.zoo.models",
    "todus.zoo.prepare",
    "todus.status",
    "todus.training.train",
    "todus.training.quantization.start",
    "todus.training.distributed.cluster",
    "todus.training.distributed.parameter_server",
    "todus.training.process.run_status",
    "todus.training.process.stop",
    "todus.training.monitoring.tensorboard",
    "todus.evaluation.while_training",
    "todus.bench.head",
    "todus.evaluation.evaluate",
    "todus.detecting.detect",
    "todus.exporting.inference_graph",
    "todus.exporting.tflite_graph",
    "todus.converting.tflite",
    "todus.converting.onnx",
    "todus.device_kit.kit",
    "todus.benchmark.benchmark",
    "todus.demo.tour",
    "todus.demo.mini_coco",
    "todus.demo.mirror",
    "todus.demo.little_zoo",
)


@pytest.mark.parametrize("module", ENTRIES)
def test_importing_it_imports_no_tensorflow(module: str) -> None:
    code = f"import sys, {module}; print('tensorflow' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(layout.CHECKOUT / "python")}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
