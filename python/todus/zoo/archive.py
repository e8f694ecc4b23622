"""Fetch a model's archive from the zoo and unpack it as `pretrained/`."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from todus import download, files, progress
from todus.errors import UserError
from todus.layout import Home, Model
from todus.zoo import catalogue

PIPELINE = "pipeline.config"


def fetch(name: str, zoo_url: str, home: Home) -> Path:
    """The archive of model `name` in model/archives/, downloaded from ZOO_URL/NAME.tar.gz unless it is there already.

    Raises:
      UserError: the official zoo has no such model, or the server does not.
      WorldError: the download failed.
    """
    archive = home.model_archives / f"{name}.tar.gz"
    if archive.is_file():  # of whatever zoo: the user is told, since ZOO_URL may name another
        progress.say(f"using {progress.shown(archive)}, which is already there; delete it to fetch it anew")
        return archive
    if zoo_url.rstrip("/") == catalogue.OFFICIAL_ZOO:
        catalogue.check_known(name)
    url = f"{_as_url(zoo_url)}/{name}.tar.gz"
    try:
        download.fetch(url, archive, what=archive.name)
    except download.NotFound:
        raise UserError(f"no model {name!r} at {url}; {catalogue.nearest(name)}") from None
    return archive


def _as_url(zoo_url: str) -> str:
    """A folder on disk is as good a zoo as a server."""
    return zoo_url.rstrip("/") if "://" in zoo_url else Path(zoo_url).expanduser().resolve().as_uri()


def unpack(archive: Path, model: Model) -> None:
    """Unpack a zoo archive to `pretrained/`, whole or not at all; the zoo's pipeline becomes pipeline.config.zoo.

    Only plain files below the folder that holds pipeline.config are taken.

    Raises:
      UserError: the archive is cut off, tries to write outside, or holds no pipeline and checkpoint.
    """
    with files.atomic_folder(model.pretrained) as unfinished:
        try:
            with gzip.open(archive) as unzipped, tarfile.open(fileobj=unzipped, mode="r:") as tar:
                _extract(tar, archive, unfinished)
                while unzipped.read(1 << 20):  # tar stops before the end, where gzip's checksum of all of it is
                    pass
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # a full disk is not the archive's fault
                raise
            raise UserError(f"{archive} is damaged ({error}); delete it and run again to fetch it anew") from None
        os.replace(unfinished / PIPELINE, unfinished / model.zoo_pipeline.name)
        if not list(unfinished.glob("model.ckpt*.index")):
            raise UserError(f"{archive} holds no model.ckpt; it is not an archive of the TensorFlow 1 detection zoo")


def _extract(tar: tarfile.TarFile, archive: Path, folder: Path) -> None:
    members = [(PurePosixPath(member.name), member) for member in tar.getmembers()]
    for path, member in members:
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            raise UserError(f"{archive} holds {member.name!r}, which no zoo archive does; do not trust it, delete it")
    tops = sorted((path.parent for path, _ in members if path.name == PIPELINE), key=lambda top: len(top.parts))
    if not tops:
        raise UserError(f"{archive} holds no {PIPELINE}; it is not an archive of the TensorFlow 1 detection zoo")
    for path, member in members:
        if member.isfile() and path.is_relative_to(tops[0]):
            target = folder / path.relative_to(tops[0])
            target.parent.mkdir(parents=True, exist_ok=True)
            with tar.extractfile(member) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy)


def checkpoint(model: Model) -> Path:
    """The prefix of the checkpoint that the archive came with: `model.ckpt`, or `model.ckpt-NNN`."""
    return sorted(model.pretrained.glob("model.ckpt*.index"))[-1].with_suffix("")
