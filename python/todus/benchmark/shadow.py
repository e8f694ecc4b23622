"""The model once more, in model/NAME/benchmark/: what a benchmark makes to measure it goes there.

The user's own files are neither used, as nothing tells of what they were made, nor replaced.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from todus import checkpoint, files
from todus.converting import onnx, uff
from todus.evaluation import origin
from todus.exporting.tflite_graph import Settings
from todus.layout import Model
from todus.zoo import archive

LINKED = ("pretrained", "training")


@dataclass(frozen=True)
class Shadow:
    """Of `model`, with the weights of the checkpoint `prefix`."""

    model: Model
    prefix: Path

    @property
    def copy(self) -> Model:
        """What the other verbs' functions are given in place of the model."""
        return self.model.benchmark_shadow

    @property
    def checkpoint(self) -> str:
        """The checkpoint as CHECKPOINT would name it to them: one of the model's by its path in the copy."""
        if self.prefix.is_relative_to(self.model.training):
            return str(self.copy.training / self.prefix.relative_to(self.model.training))
        return str(self.prefix)

    def prepare(self) -> None:
        """Link the copy to the model, and remove what has been made of anything else than what is there now."""
        if self._note().get("made_of") != self._made_of:
            for path in self.model.benchmark.glob("*"):
                if path not in (self.copy.folder, files.lock_of(self.model.benchmark)):
                    remove(path)
            for path in self.copy.folder.glob("*"):
                if path != self.copy.evaluation:  # what was detected has a fingerprint of its own
                    remove(path)
            files.write_json(self.model.benchmark_made, {"made_of": self._made_of, "made": []}, indent=1)
        self.copy.folder.mkdir(parents=True, exist_ok=True)
        for name in LINKED:
            _link(self.copy.folder / name, Path("..") / ".." / name)

    def has(self, product: str) -> bool:
        """Whether `product` has been made, and is whole."""
        return product in self._note().get("made", [])

    def note(self, product: str) -> None:
        """Have it count from now on."""
        made = sorted({*self._note()["made"], product})
        files.write_json(self.model.benchmark_made, {"made_of": self._made_of, "made": made}, indent=1)

    def _note(self) -> dict[str, Any]:
        try:
            return json.loads(self.model.benchmark_made.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}

    @cached_property
    def _made_of(self) -> dict[str, Any]:
        """All that decides what comes out: of the files SHA-256, of a checkpoint's its index, which has checksums."""
        model = self.model
        indices = map(checkpoint.index, (self.prefix, archive.checkpoint(model)))
        read = (*indices, model.pipeline, model.zoo_pipeline, model.label_map)
        settings = {"tflite": asdict(Settings()), "onnx": asdict(onnx.DEFAULT), "uff": uff.DEFAULT}
        return {
            "checkpoint": self.prefix.name,
            "files": origin.made_of(read, model),
            "settings": hashlib.sha256(json.dumps(settings).encode()).hexdigest(),
            "versions": origin.versions("tensorflow", "tf2onnx", "onnxslim"),
            "object_detection_api": origin.object_detection_api(),
        }


def remove(path: Path) -> None:
    """Remove a file, a folder or a link, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link(path: Path, target: Path) -> None:
    """Also in place of a folder: that is what some programs make of a link when they copy."""
    if not path.is_symlink() or path.readlink() != target:
        remove(path)
        path.symlink_to(target, target_is_directory=True)
