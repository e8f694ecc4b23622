"""Fetch a model's archive from the zoo and unpack it as `pretrained/`; find the checkpoint that it came with."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from todus import checkpoint as checkpoints
from todus import command, download, files, progress
from todus.errors import UserError
from todus.layout import Home, Model
from todus.zoo import catalogue, tarball

PIPELINE = "pipeline.config"
NO_ZOO_ARCHIVE = "it is not an archive of the TensorFlow 1 detection zoo"
# A page that a server sends for any address is not waited for long.
PATIENCE = dataclasses.replace(download.PATIENT, bad_files=2)

_PART = re.compile(r"(?P<prefix>model\.ckpt.*?)\.(?P<part>index|data-\d{5}-of-(?P<parts>\d{5}))")
_STATE = re.compile(r'^\s*model_checkpoint_path:\s*"(?:[^"]*/)?(?P<name>[^"/]+)"', re.MULTILINE)


def fetch(name: str, zoo_url: str, home: Home) -> Path:
    """The archive of model `name` in model/archives/, downloaded from ZOO_URL/NAME.tar.gz unless it is there already.

    Raises:
      UserError: the official zoo has no such model, or the server does not.
      WorldError: the download failed, or what came is no archive.
    """
    archive = home.model_archives / f"{name}.tar.gz"
    if archive.is_file():  # of whatever zoo: the user is told, since ZOO_URL may name another
        progress.say(f"using {progress.shown(archive)}, which is already there; delete it to fetch it anew")
        return archive
    if zoo_url.rstrip("/") == catalogue.OFFICIAL_ZOO:
        catalogue.check_known(name)
    url = f"{_as_url(zoo_url)}/{name}.tar.gz"
    try:
        download.fetch(url, archive, what=archive.name, patience=PATIENCE, check=tarball.wrong_start)
    except download.NotFound:
        raise UserError(f"no model {name!r} at {url}; {catalogue.nearest(name)}") from None
    return archive


def _as_url(zoo_url: str) -> str:
    """A folder on disk is as good a zoo as a server."""
    return zoo_url.rstrip("/") if "://" in zoo_url else command.expanded(zoo_url).resolve().as_uri()


def unpack(archive: Path, model: Model) -> None:
    """Unpack a zoo archive to `pretrained/`, whole or not at all; the zoo's pipeline becomes pipeline.config.zoo.

    Only what is in the folder of pipeline.config and model.ckpt is taken. Of several such folders (some archives hold
    fp32/ and uint8/) it is the one highest up, then the first by name.

    Raises:
      UserError: the archive is damaged or hostile, or holds no pipeline and whole checkpoint.
      WorldError: the disk is too small.
    """
    ours = (model.zoo_pipeline.name, model.replaced_pipeline.name)  # files of these names would be taken for our own
    with files.atomic_folder(model.pretrained) as unfinished, _scratch_folder(unfinished) as everything:
        tarball.extract(archive, everything)
        for path in _model_in(everything, archive).iterdir():
            if path.name not in ours:
                os.replace(path, unfinished / path.name)
        os.replace(unfinished / PIPELINE, unfinished / model.zoo_pipeline.name)
        _checkpoint_in(unfinished, f"{archive} holds", NO_ZOO_ARCHIVE)


@contextmanager
def _scratch_folder(unfinished: Path) -> Iterator[Path]:
    """An empty folder beside `unfinished`, gone in the end. Whoever has `unfinished` has this to himself too."""
    folder = unfinished.with_name(f"{unfinished.name}.unpacking")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _model_in(everything: Path, archive: Path) -> Path:
    """The folder of the model among all that an archive brought."""
    folders = [path.parent for path in everything.rglob(PIPELINE) if path.is_file()]
    if not folders:
        raise UserError(f"{archive} holds no {PIPELINE}; {NO_ZOO_ARCHIVE}")
    with_checkpoint = [folder for folder in folders if _parts_of_checkpoints(folder)]
    models = sorted(with_checkpoint or folders, key=lambda folder: (len(folder.parts), folder.name))
    others = [str(folder.relative_to(everything)) for folder in models[1:] if with_checkpoint]
    if others:
        taken = models[0].relative_to(everything)
        progress.say(f"{archive.name} holds several models: taking {taken}, leaving out {', '.join(others)}")
    return models[0]


def adopt(model: Model) -> bool:
    """Take a `pretrained/` that the user has filled by hand from an unpacked archive; False if there is none.

    Raises:
      UserError: it holds a pipeline but no whole checkpoint.
    """
    if model.zoo_pipeline.exists() or not model.pipeline.is_file():
        return False
    checkpoint(model)
    os.replace(model.pipeline, model.zoo_pipeline)
    progress.say(f"using the files in {progress.shown(model.pretrained)} as they are, without fetching any")
    return True


def is_unpacked(model: Model) -> bool:
    """Whether `pretrained/` holds a model: an archive that was unpacked, or one to adopt."""
    return model.zoo_pipeline.is_file() or model.pipeline.is_file()


def require_no_other_files(model: Model) -> None:
    """Raises UserError if `pretrained/` holds files but no model: unpacking would replace them."""
    if is_unpacked(model) or not os.path.lexists(model.pretrained):
        return
    if not model.pretrained.is_dir() or any(model.pretrained.iterdir()):
        folder = progress.shown(model.pretrained)
        raise UserError(f"{folder} holds files but no {PIPELINE}; move it away, or put {PIPELINE} there")


def checkpoint(model: Model) -> Path:
    """The prefix of the checkpoint that the archive came with: `model.ckpt`, or `model.ckpt-NNN`.

    Of several it is the one that the file `checkpoint` beside them names, else the one with the highest step.

    Raises:
      UserError: there is none, or a part of it is missing.
    """
    folder = progress.shown(model.pretrained)
    return _checkpoint_in(model.pretrained, f"{folder} holds", f"move {folder} away and run make model again")


def _checkpoint_in(folder: Path, holds: str, remedy: str) -> Path:
    """As `checkpoint`; `holds` and `remedy` begin and end the line that says what is missing."""
    parts = _parts_of_checkpoints(folder)
    if not parts:
        raise UserError(f"{holds} no model.ckpt; {remedy}")
    whole = [name for name, present in parts.items() if not _missing_part(present)]
    named = _named_by_state(folder)
    chosen = named if named in parts else max(whole or parts, key=lambda name: checkpoints.step_of(folder / name))
    missing = _missing_part(parts[chosen])
    if missing:
        raise UserError(f"{holds} {chosen} without {chosen}.{missing}; {remedy}")
    return folder / chosen


def _parts_of_checkpoints(folder: Path) -> dict[str, set[str]]:
    """`{"model.ckpt": {"index", "data-00000-of-00001"}}`: the files of each checkpoint in a folder."""
    parts = defaultdict(set)
    for path in folder.iterdir():
        match = _PART.fullmatch(path.name)
        if match:
            parts[match["prefix"]].add(match["part"])
    return dict(parts)


def _missing_part(present: set[str]) -> str | None:
    """The first file that a checkpoint lacks: its index, or one of the shards that the name of another announces."""
    shards = max((int(part.rpartition("-")[2]) for part in present if part != "index"), default=1)
    wanted = ["index", *(f"data-{shard:05d}-of-{shards:05d}" for shard in range(shards))]
    return next((part for part in wanted if part not in present), None)


def _named_by_state(folder: Path) -> str | None:
    """The checkpoint that TensorFlow's own note of the latest one names, wherever that lay when it was written."""
    state = folder / "checkpoint"
    if not state.is_file():
        return None
    match = _STATE.search(state.read_text(encoding="utf-8", errors="replace"))
    return match["name"] if match else None
