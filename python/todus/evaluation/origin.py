"""What an evaluation was made of, so that it can be told later whether that has changed. Needs no TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

import todus
from todus import files
from todus.bridge import location
from todus.layout import Model


def made_of(paths: Iterable[Path], model: Model) -> dict[str, str]:
    """The SHA-256 of each file; below the model's folder by its path there, so that a model can be moved."""
    return {place(path, model): files.sha256(path) for path in paths}


def is_unchanged(made: Mapping[str, str], model: Model) -> bool:
    """Whether no file of made_of() has been written anew since. (One that is gone has not.)"""
    return all(files.sha256(path) == digest for path, digest in _located(made, model) if path.is_file())


def is_gone(made: Mapping[str, str], model: Model) -> bool:
    """Whether it was a checkpoint that is not there any more."""
    return any(path.suffix == ".index" and not path.is_file() for path, _ in _located(made, model))


def versions(*packages: str) -> dict[str, str]:
    """Of Todus and of `packages`."""
    return {"todus": todus.__version__, **{package: _version(package) for package in packages}}


def object_detection_api() -> str:
    """Which one builds detectors: a checkout's folder, or the version of the package."""
    checkout = os.environ.get(location.CHECKOUT_VARIABLE)
    return str(Path(checkout).expanduser().resolve()) if checkout else _version("tf-models-research-object-detection")


def _version(package: str) -> str:
    for name in (package, f"{package}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def place(path: Path, model: Model) -> str:
    """What a report calls a file: its path in the model's folder if it is there, else the whole one."""
    return str(path.relative_to(model.folder) if path.is_relative_to(model.folder) else path)


def _located(made: Mapping[str, str], model: Model) -> Iterable[tuple[Path, str]]:
    return ((model.folder / place, digest) for place, digest in made.items())  # an absolute path stays as it is
