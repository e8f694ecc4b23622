"""Read, write and find TensorFlow checkpoints without building a graph of the model.

A checkpoint is named by its prefix (`training/model.ckpt-123`) and lies on disk as `PREFIX.index` and
`PREFIX.data-00000-of-00001`.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from todus import files, progress
from todus.errors import UserError, WorldError
from todus.uninterrupted import uninterrupted

PREFIX = "model.ckpt"
BEST = "best"  # what the best one by average precision is called, and the folder that it is kept in
MOVING_AVERAGE = "/ExponentialMovingAverage"  # how the name of a variable's average ends
BEST_NOTE = "best.json"  # in that folder: which of its checkpoints it is, and why
_STEP = re.compile(rf"{re.escape(PREFIX)}-(\d+)\.index")
_DATA = "data-00000-of-00001"
_PARTS = ("index", _DATA)
_NO_DAMAGE = [
    os.strerror(number)
    for number in (errno.EIO, errno.EACCES, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT)
]


def newest(folder: Path) -> Path | None:
    """The prefix of the checkpoint with the highest step in `folder`, or None. Needs no TensorFlow."""
    there = in_order(folder)
    return there[-1] if there else None


def in_order(folder: Path) -> list[Path]:
    """The prefixes of all checkpoints in `folder` of which both parts are there, by step. Needs no TensorFlow."""
    steps = [int(match[1]) for file in folder.glob(f"{PREFIX}-*.index") if (match := _STEP.fullmatch(file.name))]
    return [at_step(folder, step) for step in sorted(steps) if _is_whole(at_step(folder, step))]


def newest_intact(
    folder: Path, remedy: str = "run make model again", say: Callable[[str], None] = progress.say
) -> Path | None:
    """The newest checkpoint in `folder` of which every value can be read; None where there has never been one.

    Newer ones that are damaged are passed over: `say` gets a line for each, and its files are renamed, not deleted.

    Raises:
      UserError: all are damaged; the message ends with `remedy`.
    """
    there = in_order(folder)
    for prefix in reversed(there):
        try:
            check(prefix)
        except UserError as error:
            if not _is_whole(prefix):  # a run that is at work has just removed it
                continue
            say(f"{error.args[0].partition(';')[0]}: passed over, and kept as {set_aside(prefix, 'damaged').name}")
        else:
            return prefix
    if there:
        raise UserError(f"no checkpoint in {folder} can be read; {remedy}")
    return None


def chosen(folder: Path, name: str, remedy: str = "run make model") -> Path | None:
    """The checkpoint that the user calls `name`, as for `named`, or the newest where none is named."""
    return named(folder, name, remedy) if name else newest(folder)


def at_step(folder: Path, step: int) -> Path:
    return folder / f"{PREFIX}-{step}"


def step_of(prefix: Path) -> int:
    """`model.ckpt-123` -> 123; 0 where the name carries no step, as with the zoo's `model.ckpt`."""
    match = re.search(r"-(\d+)$", prefix.name)
    return int(match[1]) if match else 0


def named(folder: Path, name: str, remedy: str = "run make model") -> Path:
    """The checkpoint that the user calls `name`: a step (`123`), a name (`model.ckpt-123`), `best`, or a path.

    A path is relative to the current folder, and may be that of one of the checkpoint's files, as a shell completes it.

    Raises:
      UserError: there is no such checkpoint; the message lists those that are there, or tells the `remedy`.
    """
    if name == BEST:
        return _best(folder)
    plain = re.sub(r"\.(index|meta|data-\d+-of-\d+)?$", "", name).rstrip("/")
    here = Path(plain).absolute()
    inside = at_step(folder, int(plain)) if plain.isdecimal() else folder / plain
    # A bare name means the model's own checkpoint, even in a folder that happens to hold another one of that name.
    prefix = next(filter(_is_whole, (here, inside) if "/" in plain else (inside, here)), None)
    if prefix is None:
        there = sorted(file.stem for file in folder.glob(f"{PREFIX}*.index"))
        raise UserError(f"no checkpoint {name} in {folder}; there: {' '.join(there) or f'none, {remedy}'}")
    return prefix


def _best(folder: Path) -> Path:
    prefix = _noted(folder / BEST) or newest(folder / BEST)
    if prefix is None:
        raise UserError(f"there is no best checkpoint in {folder} yet; train with EVAL_EVERY=500, which keeps it")
    return prefix


def _noted(folder: Path) -> Path | None:
    """The checkpoint of the note: there are two for a moment, while one takes the place of the other."""
    try:
        prefix = at_step(folder, json.loads((folder / BEST_NOTE).read_text(encoding="utf-8"))["step"])
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return prefix if _is_whole(prefix) else None


def index(prefix: Path) -> Path:
    """The file of a checkpoint that has the checksum of every variable in it; it is written last."""
    return _part(prefix, "index")


def size_on_disk(prefix: Path) -> int:
    """Bytes of a checkpoint's files together."""
    return sum(files.size_on_disk(_part(prefix, part)) for part in _PARTS)


def _is_whole(prefix: Path) -> bool:
    return all(_part(prefix, part).is_file() for part in _PARTS)


def _part(prefix: Path, part: str) -> Path:
    return prefix.with_name(f"{prefix.name}.{part}")


def read(prefix: Path) -> dict[str, np.ndarray]:
    """Every variable of a checkpoint by name.

    Raises:
      UserError: the files are damaged.
    """
    from todus.bridge.graph_mode import tf

    with _damage_in_one_line(prefix):
        reader = tf.train.load_checkpoint(str(prefix))
        return {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map())}


def check(prefix: Path) -> None:
    """Read every value of a checkpoint, one at a time; each has its checksum in the index.

    Raises:
      UserError: the files are damaged.
    """
    from todus.bridge.graph_mode import tf

    with _damage_in_one_line(prefix):
        reader = tf.train.load_checkpoint(str(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)


@contextmanager
def _damage_in_one_line(prefix: Path) -> Iterator[None]:
    """Of TensorFlow's errors only some say that the files are no good; a disk that fails, or a lack of memory, is not
    their fault, and no reason to pass them over."""
    from todus.bridge.graph_mode import tf

    try:
        yield
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:  # IndexError: the data file is cut off
        # TensorFlow's reader has no codes to tell by: most of its errors are UNKNOWN, with the system's words in them.
        if any(words in str(error) for words in _NO_DAMAGE):
            raise WorldError(f"reading checkpoint {prefix} failed ({reason(error)}); run again") from None
        raise unreadable(prefix, error) from None


def unreadable(prefix: Path, error: Exception) -> UserError:
    """The error to raise where TensorFlow cannot read a checkpoint."""
    return UserError(
        f"checkpoint {prefix} cannot be read ({reason(error)}); delete its files, or fetch or make it again"
    )


def reason(error: Exception) -> str:
    """Why TensorFlow failed, in a line: the one before it points at the node, else the one after `Original error:`."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    for before, line in itertools.pairwise(lines):
        if line.startswith("[["):
            return before
    for before, line in itertools.pairwise(lines):
        if before.endswith("Original error:"):
            return line
    return lines[0]


def shapes(prefix: Path) -> dict[str, list[int]]:
    """Name and shape of every variable of a checkpoint.

    Raises:
      UserError: the index is damaged.
    """
    from todus.bridge.graph_mode import tf

    with _damage_in_one_line(prefix):
        return dict(tf.train.list_variables(str(prefix)))


def write(prefix: Path, variables: dict[str, np.ndarray]) -> None:
    """Write `variables` as one checkpoint; the index, without which there is no checkpoint, is renamed last."""
    from todus.bridge.graph_mode import tf

    names = sorted(variables)
    with unfinished(prefix) as target, tf.Graph().as_default(), tf.Session() as session:
        values = [tf.placeholder(variables[name].dtype, variables[name].shape) for name in names]
        save = tf.raw_ops.SaveV2(
            prefix=str(target), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values
        )
        session.run(save, {value: variables[name] for value, name in zip(values, names, strict=True)})


def copy(prefix: Path, folder: Path) -> Path:
    """Copy a checkpoint into `folder` under its own name, which is not there before it is whole; returns its prefix."""
    with unfinished(folder / prefix.name) as target:
        for part in _PARTS:
            shutil.copyfile(_part(prefix, part), _part(target, part))
    return folder / prefix.name


@contextmanager
def unfinished(prefix: Path, final: Callable[[Path], Path] | None = None) -> Iterator[Path]:
    """Yield a prefix beside `prefix` to write a checkpoint to; it becomes `prefix` if the block ends well, else it
    goes. What is written has reached the disk before it is renamed, the index last.

    Args:
      final: is shown what was written, and returns the prefix that it gets in place of `prefix`.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    target = prefix.with_name(f".{prefix.name}{files.UNFINISHED}{os.getpid()}")
    is_written = False
    try:
        yield target
        for part in _PARTS:
            files.flush_to_disk(_part(target, part))
        is_written = True
        _rename(target, final(target) if final else prefix)
    finally:
        if not (is_written and _is_half_renamed(target)):
            for leftover in prefix.parent.glob(f"{target.name}.*"):
                leftover.unlink()


def sweep(folder: Path) -> None:
    """Remove what killed runs have left half written in `folder`; a checkpoint that one was killed in the middle of
    renaming gets the rest of its name. For who holds the folder's lock.
    """
    for index in folder.glob(f".{PREFIX}-*{files.UNFINISHED}*.index"):
        written = index.with_suffix("")
        prefix = folder / written.name.removeprefix(".").partition(files.UNFINISHED)[0]
        if _is_half_renamed(written) and _is_half_renamed_to(prefix):
            os.replace(index, _part(prefix, "index"))
    files.sweep(folder)


def remove(prefix: Path) -> None:
    """Remove a checkpoint's files, the index first: half of one is none."""
    for part in (*_PARTS, "meta"):
        _part(prefix, part).unlink(missing_ok=True)


def set_aside(prefix: Path, why: str) -> Path:
    """Rename a checkpoint so that it is not found again; returns its new prefix, e.g. `model.ckpt-40.damaged`.

    One that was set aside before stays as it is: this one is then called `model.ckpt-40.damaged-2`.
    """
    names = itertools.chain([why], (f"{why}-{number}" for number in itertools.count(2)))
    asides = (prefix.with_name(f"{prefix.name}.{name}") for name in names)
    aside = next(aside for aside in asides if not any(_part(aside, part).exists() for part in _PARTS))
    _rename(prefix, aside)
    return aside


def _rename(prefix: Path, target: Path) -> None:
    with uninterrupted():  # between the two there is neither the older one of this name nor the new one
        _part(target, "index").unlink(missing_ok=True)  # of an older one of this name, whose data goes now
        for part in reversed(_PARTS):
            os.replace(_part(prefix, part), _part(target, part))


def _is_half_renamed(prefix: Path) -> bool:
    """Whether the data has its new name, but not the index, without which the data is lost."""
    return _part(prefix, "index").exists() and not _part(prefix, _DATA).exists()


def _is_half_renamed_to(prefix: Path) -> bool:
    return _part(prefix, _DATA).exists() and not _part(prefix, "index").exists()
