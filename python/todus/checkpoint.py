"""Read, write and find TensorFlow checkpoints without building a graph of the model.

A checkpoint is named by its prefix (`training/model.ckpt-123`) and lies on disk as `PREFIX.index` and
`PREFIX.data-00000-of-00001`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from todus import files
from todus.errors import UserError

PREFIX = "model.ckpt"
MOVING_AVERAGE = "/ExponentialMovingAverage"  # how the name of a variable's average ends
_STEP = re.compile(rf"{re.escape(PREFIX)}-(\d+)\.index")
_DATA = "data-00000-of-00001"


def newest(folder: Path) -> Path | None:
    """The prefix of the checkpoint with the highest step in `folder`, or None. Needs no TensorFlow."""
    steps = [int(match[1]) for file in folder.glob(f"{PREFIX}-*.index") if (match := _STEP.fullmatch(file.name))]
    whole = [step for step in steps if _is_whole(at_step(folder, step))]
    return at_step(folder, max(whole)) if whole else None


def chosen(folder: Path, name: str) -> Path | None:
    """The checkpoint that the user calls `name`, or the newest where none is named."""
    return named(folder, name) if name else newest(folder)


def at_step(folder: Path, step: int) -> Path:
    return folder / f"{PREFIX}-{step}"


def step_of(prefix: Path) -> int:
    """`model.ckpt-123` -> 123; 0 where the name carries no step, as with the zoo's `model.ckpt`."""
    match = re.search(r"-(\d+)$", prefix.name)
    return int(match[1]) if match else 0


def named(folder: Path, name: str) -> Path:
    """The checkpoint that the user calls `name`: a step (`123`), a name (`model.ckpt-123`) or a path.

    A path is relative to the current folder, and may be that of one of the checkpoint's files, as a shell completes it.

    Raises:
      UserError: there is no such checkpoint; the message lists those that are there.
    """
    plain = re.sub(r"\.(index|meta|data-\d+-of-\d+)?$", "", name).rstrip("/")
    here = Path(plain).absolute()
    inside = at_step(folder, int(plain)) if plain.isdecimal() else folder / plain
    # A bare name means the model's own checkpoint, even in a folder that happens to hold another one of that name.
    prefix = next(filter(_is_whole, (here, inside) if "/" in plain else (inside, here)), None)
    if prefix is None:
        there = sorted(file.stem for file in folder.glob(f"{PREFIX}*.index"))
        raise UserError(f"no checkpoint {name} in {folder}; there: {' '.join(there) or 'none, run make model'}")
    return prefix


def size_on_disk(prefix: Path) -> int:
    """Bytes of a checkpoint's files together."""
    return sum(files.size_on_disk(prefix.with_name(f"{prefix.name}.{part}")) for part in ("index", _DATA))


def _is_whole(prefix: Path) -> bool:
    return all(prefix.with_name(f"{prefix.name}.{part}").is_file() for part in ("index", _DATA))


def read(prefix: Path) -> dict[str, np.ndarray]:
    """Every variable of a checkpoint by name.

    Raises:
      UserError: the files are damaged.
    """
    from todus.bridge.graph_mode import tf

    with _damage_in_one_line(prefix):
        reader = tf.train.load_checkpoint(str(prefix))
        return {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map())}


@contextmanager
def _damage_in_one_line(prefix: Path) -> Iterator[None]:
    from todus.bridge.graph_mode import tf

    try:
        yield
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:  # IndexError: the data file is cut off
        raise unreadable(prefix, error) from None


def unreadable(prefix: Path, error: Exception) -> UserError:
    """The error to raise where TensorFlow cannot read a checkpoint."""
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(f"checkpoint {prefix} cannot be read ({first_line}); delete its files, or fetch or make it again")


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

    prefix.parent.mkdir(parents=True, exist_ok=True)
    unfinished = prefix.with_name(f".{prefix.name}.unfinished-{os.getpid()}")
    names = sorted(variables)
    try:
        with tf.Graph().as_default(), tf.Session() as session:
            values = [tf.placeholder(variables[name].dtype, variables[name].shape) for name in names]
            save = tf.raw_ops.SaveV2(
                prefix=str(unfinished), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values
            )
            session.run(save, {value: variables[name] for value, name in zip(values, names, strict=True)})
        for part in (_DATA, "index"):
            os.replace(unfinished.with_name(f"{unfinished.name}.{part}"), prefix.with_name(f"{prefix.name}.{part}"))
    finally:
        for leftover in prefix.parent.glob(f"{unfinished.name}.*"):
            leftover.unlink()
