"""Running the programs of device kits: as a process in an environment of their own, or here, to look at their parts."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from todus.detecting import image_file
from todus.device_kit import program
from todus.evaluation.detectors import Detections


def run(python: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the program of a kit as its README says, in the kit's folder."""
    command = [python, "detect.py", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=bare_environment(), capture_output=True, text=True, check=False)


def commands(folder: Path) -> list[str]:
    """What the README of a kit has people run, in its order."""
    told = (folder / "README.md").read_text(encoding="utf-8")
    first_block = told.split("\n\n    ", 1)[1].split("\n\n", 1)[0]
    return [line.strip() for line in first_block.splitlines()]


def bare_environment() -> dict[str, str]:
    """Without what would lead Python to packages of ours; python3 is one of the versions that Todus runs on."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**known, "PATH": f"{Path(sys.executable).parent}:{known['PATH']}", "PIP_NO_COMPILE": "1"}


def found_by(lines: str) -> list[Detections]:
    """What a program has told with --json, in the evaluation's form."""
    return [_detections(json.loads(line)) for line in lines.splitlines()]


def _detections(told: dict) -> Detections:
    size = [told["height"], told["width"]] * 2
    corners = [(y, x, y + height, x + width) for x, y, width, height in (each["bbox"] for each in told["detections"])]
    scores, names = ([each[key] for each in told["detections"]] for key in ("score", "category"))
    boxes = np.array(corners, np.float32).reshape(-1, 4) / np.array(size, np.float32)
    return Detections(boxes, np.array(scores, np.float32), names)


def missing(these: Detections, those: Detections, tolerance: float, least: float) -> list[str]:
    """Those of `these` above `least` that have no equal in `those`: same category, score, overlap above 0.99."""
    told = []
    for box, score, name in zip(these.boxes, these.scores, these.names, strict=True):
        same = [i for i, other in enumerate(those.names) if other == name]
        near = np.abs(those.scores[same] - score) <= tolerance
        if score > least and not (near & (overlap(box, those.boxes[same]) > 0.99)).any():
            told.append(f"{name} {score:.4f} {box}")
    return told


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of a box with each of the others."""
    sides = np.maximum(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0)
    common = sides[:, 0] * sides[:, 1]
    areas = [(boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]) for boxes in (box, others)]
    return common / (areas[0] + areas[1] - common)


def upright(photo: Path) -> np.ndarray:
    """uint8 [height, width, 3], RGB, as Todus itself reads it."""
    return np.asarray(image_file.read(photo))


def example(name: str) -> ModuleType:
    """The whole program of detect_NAME, imported under a name of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"detect_{name}.py"
        path.write_text(program.text(path.stem), encoding="utf-8")
        return imported(path)


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"program_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
