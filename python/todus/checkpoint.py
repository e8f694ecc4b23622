"""Read, write and find TensorFlow checkpoints without building a graph of the model.

A checkpoint is named by its prefix (`training/model.ckpt-123`) and lies on disk as `PREFIX.index` and
`PREFIX.data-00000-of-00001`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from todus import files
from todus.errors import UserError

PREFIX = "model.ckpt"
_STEP = re.compile(rf"{re.escape(PREFIX)}-(\d+)\.index")
_DATA = "data-00000-of-00001"


def newest(folder: Path) -> Path | None:
    """The prefix of the checkpoint with the highest step in `folder`, or None. Needs no TensorFlow."""
    steps = [int(match[1]) for file in folder.glob(f"{PREFIX}-*.index") if (match := _STEP.fullmatch(file.name))]
    whole = [step for step in steps if _is_whole(at_step(folder, step))]
    return at_step(folder, max(whole)) if whole else None


def at_step(folder: Path, step: int) -> Path:
    return folder / f"{PREFIX}-{step}"


def step_of(prefix: Path) -> int:
    """`model.ckpt-123` -> 123; 0 where the name carries no step, as with the zoo's `model.ckpt`."""
    match = re.search(r"-(\d+)$", prefix.name)
    return int(match[1]) if match else 0


def named(folder: Path, name: str) -> Path:
    """The checkpoint that the user calls `name`: a step (`123`), a name (`model.ckpt-123`) or a path.

    Raises:
      UserError: there is no such checkpoint; the message lists those that are there.
    """
    name = re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", name)
    prefix = at_step(folder, int(name)) if name.isdigit() else folder / name
    if not _is_whole(prefix):
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

    try:
        reader = tf.train.load_checkpoint(str(prefix))
        return {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map())}
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:  # IndexError: the data file is cut off
        raise UserError(
            f"the checkpoint {prefix} cannot be read ({_first_line(error)}); fetch or make it again"
        ) from None


def shapes(prefix: Path) -> dict[str, list[int]]:
    """Name and shape of every variable of a checkpoint."""
    from todus.bridge.graph_mode import tf

    return dict(tf.train.list_variables(str(prefix)))


def write(prefix: Path, variables: dict[str, np.ndarray]) -> None:
    """Write `variables` as one checkpoint; the index, without which there is no checkpoint, is renamed last."""
    from todus.bridge.graph_mode import tf

    prefix.parent.mkdir(parents=True, exist_ok=True)
    unfinished = prefix.with_name(f".{prefix.name}.unfinished-{os.getpid()}")
    names = sorted(variables)
    with tf.Graph().as_default(), tf.Session() as session:
        values = [tf.placeholder(variables[name].dtype, variables[name].shape) for name in names]
        save = tf.raw_ops.SaveV2(
            prefix=str(unfinished), tensor_names=names, shape_and_slices=[""] * len(names), tensors=values
        )
        session.run(save, {value: variables[name] for value, name in zip(values, names, strict=True)})
    for part in (_DATA, "index"):
        os.replace(unfinished.with_name(f"{unfinished.name}.{part}"), prefix.with_name(f"{prefix.name}.{part}"))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
