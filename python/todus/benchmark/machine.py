"""What timings depend on besides the model: the machine, and the versions of what runs on it."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from todus.evaluation import origin

_PROCESSORS = Path("/proc/cpuinfo")
_MODEL = ("model name", "Model", "Hardware")  # x86; what an ARM says instead


def describe() -> dict[str, str | int]:
    return {"processor": processor(), "cores": os.cpu_count() or 1, "system": platform.system()}


def processor() -> str:
    """What the processor is called, as far as the system tells it."""
    try:
        lines = _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    known = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return next((known[name] for name in _MODEL if known.get(name)), platform.processor() or platform.machine())


def versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        **origin.versions("tensorflow", "ai-edge-litert", "onnxruntime", "opencv-python-headless", "numpy"),
    }
