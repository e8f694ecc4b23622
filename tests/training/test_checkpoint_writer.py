"""Whatever happens while a checkpoint is written, what lies there under a checkpoint's name is whole."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import toy

from todus import checkpoint, layout
from todus.bridge.graph_mode import tf
from todus.errors import WorldError
from todus.training.divergence import DivergedError


def names(folder: Path) -> list[str]:
    return [prefix.name for prefix in checkpoint.in_order(folder)]


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_newest_are_kept_and_the_start_of_training(tmp_path):
    with toy.toy(tmp_path, kept=2) as training:
        training.save()
        training.steps(4)
    assert names(tmp_path) == ["model.ckpt-0", "model.ckpt-3", "model.ckpt-4"]
    assert np.all(checkpoint.read(tmp_path / "model.ckpt-3")["weights"] == 3)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-4")
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert [Path(path).name for path in state.all_model_checkpoint_paths] == names(tmp_path)


def test_a_checkpoint_is_named_after_the_step_that_is_in_it(tmp_path):
    """Other processes take training further between the step that is known here and what is written."""
    with toy.toy(tmp_path) as training:
        for _ in range(3):
            training.step()
        prefix = training.writer.save(training.session, step=1)
    assert prefix == tmp_path / "model.ckpt-3"
    assert names(tmp_path) == ["model.ckpt-3"]
    assert checkpoint.read(prefix)["global_step"] == 3
    assert not any(".unfinished" in name for name in files_of(tmp_path))


def test_while_training_goes_badly_none_is_removed(tmp_path):
    with toy.toy(tmp_path, kept=1) as training:
        training.steps(1)
        training.step()
        training.save(is_well=False)
        assert names(tmp_path) == ["model.ckpt-1", "model.ckpt-2"]
        training.steps(1)
        assert names(tmp_path) == ["model.ckpt-3"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_not_saved(tmp_path, value):
    with toy.toy(tmp_path) as training:
        training.steps(1)
        before = files_of(tmp_path)
        training.weights.load(np.where(np.arange(toy.SIZE) == 5, value, 0).astype(np.float32), training.session)
        with pytest.raises(DivergedError, match=r"^weights became NaN or infinite"):
            training.save()
    assert files_of(tmp_path) == before


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size` bytes; writing more fails, as with a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))  # Python ignores the signal that goes with it
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def require_untouched(training: toy.Toy) -> None:
    """Saving step 3 fails; what there was is there as it was, and nothing else."""
    folder = training.folder
    before = {name: (folder / name).read_bytes() for name in files_of(folder)}
    with pytest.raises(WorldError, match="could not be written") as failed:
        training.save()
    assert "model.ckpt-2 is untouched, and training goes on from it" in str(failed.value)
    assert "\n" not in str(failed.value)
    assert {name: (folder / name).read_bytes() for name in files_of(folder)} == before


def test_where_a_checkpoint_cannot_be_written_the_others_are_untouched(tmp_path):
    with toy.toy(tmp_path, kept=2) as training:
        training.steps(2)
        training.step()
        with files_limited_to(300_000):
            require_untouched(training)
        training.save()
    assert names(tmp_path) == ["model.ckpt-2", "model.ckpt-3"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a disk cannot be mounted without being root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_on_a_full_disk_the_others_are_untouched(small_disk):
    with toy.toy(small_disk, kept=3) as training:
        training.steps(2)
        training.step()
        require_untouched(training)
        (small_disk / "model.ckpt-1.data-00000-of-00001").unlink()  # room is made
        training.save()
    assert names(small_disk) == ["model.ckpt-2", "model.ckpt-3"]


def test_a_run_that_is_killed_at_any_time_goes_on_from_its_last_checkpoint(tmp_path):
    with toy.toy(tmp_path) as training:
        training.save()
    moment, reached = random.Random(5), 0
    for _ in range(4):
        said = killed_after(tmp_path, seconds=moment.uniform(0.02, 0.4))
        assert said[0] == f"from model.ckpt-{reached}", "nothing that was whole is lost"
        newest = checkpoint.newest(tmp_path)
        checkpoint.check(newest)
        reached = checkpoint.step_of(newest)
        assert all(np.all(value == reached) for value in checkpoint.read(newest).values())
        last_said = checkpoint.step_of(Path(said[-1]))
        assert last_said <= reached <= last_said + 2
    with toy.toy(tmp_path) as training:
        training.writer.tidy()
    assert not [name for name in files_of(tmp_path) if name.startswith(".")], "what was half written is swept away"


def killed_after(folder: Path, seconds: float) -> list[str]:
    """What a toy training said that was killed so long after its first checkpoint."""
    command = [sys.executable, toy.__file__, folder]
    environment = {**os.environ, "PYTHONPATH": str(layout.CHECKOUT / "python")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        said = [running.stdout.readline(), running.stdout.readline()]
        time.sleep(seconds)
        running.send_signal(signal.SIGKILL)
        said += running.stdout.readlines()
    return [line.strip() for line in said if line.endswith("\n")]
