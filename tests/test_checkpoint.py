"""Checkpoints: which one is the newest, how the user names one, and that what is written is what is read."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from support import run_python
from todus import checkpoint
from todus.errors import UserError, WorldError

PARTS = ("index", "data-00000-of-00001")


def put(folder: Path, name: str, parts: tuple[str, ...] = PARTS) -> None:
    for part in parts:
        (folder / f"{name}.{part}").touch()


def test_the_newest_is_the_one_with_the_highest_step(tmp_path):
    for age, step in enumerate((10, 9, 1000, 200)):
        put(tmp_path, f"model.ckpt-{step}")
        for part in PARTS:
            os.utime(tmp_path / f"model.ckpt-{step}.{part}", (age, age))
    assert checkpoint.newest(tmp_path) == tmp_path / "model.ckpt-1000"


@pytest.mark.parametrize("parts", [PARTS[:1], PARTS[1:]], ids=["index alone", "data alone"])
def test_half_a_checkpoint_is_none(tmp_path, parts):
    put(tmp_path, "model.ckpt-7", parts)
    assert checkpoint.newest(tmp_path) is None
    put(tmp_path, "model.ckpt-5")
    assert checkpoint.newest(tmp_path) == tmp_path / "model.ckpt-5"
    with pytest.raises(UserError, match=r"no checkpoint 7\b"):
        checkpoint.named(tmp_path, "7")


def test_other_files_are_no_checkpoints(tmp_path):
    for name in ("model.ckpt", ".model.ckpt-9.unfinished-1", "model.ckpt-9-best", "other.ckpt-9", "model.ckpt-x"):
        put(tmp_path, name)
    assert checkpoint.newest(tmp_path) is None
    assert checkpoint.newest(tmp_path / "no-such-folder") is None


def test_the_step_is_in_the_name():
    assert checkpoint.step_of(Path("a/model.ckpt-1234")) == 1234
    assert checkpoint.step_of(Path("a-7/model.ckpt")) == 0


@pytest.mark.parametrize(
    "name", ["20", "model.ckpt-20", "model.ckpt-20.index", "model.ckpt-20.meta", "model.ckpt-20.data-00000-of-00001"]
)
def test_a_checkpoint_has_many_names(tmp_path, name):
    put(tmp_path, "model.ckpt-20")
    put(tmp_path, "model.ckpt-100")
    assert checkpoint.named(tmp_path, name) == tmp_path / "model.ckpt-20"


def test_a_checkpoint_elsewhere_is_named_by_its_path(tmp_path):
    put(tmp_path, "model.ckpt")
    assert checkpoint.named(tmp_path / "training", str(tmp_path / "model.ckpt")) == tmp_path / "model.ckpt"


@pytest.mark.parametrize("ending", ["", ".", ".index", ".data-00000-of-00001"])
def test_a_path_is_relative_to_the_current_folder_as_a_shell_completes_it(tmp_path, monkeypatch, ending):
    training = tmp_path / "model" / "x" / "training"
    training.mkdir(parents=True)
    put(training, "model.ckpt-0")
    put(tmp_path, "model.ckpt-0")
    monkeypatch.chdir(tmp_path)
    for path in ("model/x/training/model.ckpt-0", "./model/x/training/model.ckpt-0"):
        assert checkpoint.named(training, path + ending) == training / "model.ckpt-0"
    assert checkpoint.named(training, "./model.ckpt-0" + ending) == tmp_path / "model.ckpt-0"
    assert checkpoint.named(training, "model.ckpt-0" + ending) == training / "model.ckpt-0", "the model's own first"


@pytest.mark.parametrize("name", ["", ".", "/", "..", "~nobody/model.ckpt-0", "\u00b2", "training/"])
def test_what_can_be_no_checkpoint_is_refused_too(tmp_path, name):
    with pytest.raises(UserError, match="no checkpoint"):
        checkpoint.named(tmp_path, name)


def test_an_unknown_name_gets_the_list_of_those_that_are_there(tmp_path):
    with pytest.raises(UserError, match=r"no checkpoint model\.ckpt-3 .*there: none, run make model"):
        checkpoint.named(tmp_path, "model.ckpt-3")
    put(tmp_path, "model.ckpt-20")
    put(tmp_path, "model.ckpt-0")
    with pytest.raises(UserError, match=r"no checkpoint model\.ckpt-3 .*there: model\.ckpt-0 model\.ckpt-20"):
        checkpoint.named(tmp_path, "model.ckpt-3")


VARIABLES = {
    "global_step": np.array(2**40, np.int64),
    "Conv/weights": np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4),
    "Conv/biases": np.array([0.1, -0.0, np.inf], np.float32),
    "empty": np.zeros([0, 3], np.float32),
}


def test_what_is_written_is_read(tmp_path):
    prefix = tmp_path / "training" / "model.ckpt-0"
    checkpoint.write(prefix, {"before": np.zeros(3)})
    checkpoint.write(prefix, VARIABLES)
    read = checkpoint.read(prefix)
    assert sorted(read) == sorted(VARIABLES)
    for name, value in VARIABLES.items():
        assert read[name].dtype == value.dtype, name
        np.testing.assert_array_equal(read[name], value, strict=True)
    assert checkpoint.shapes(prefix) == {name: list(value.shape) for name, value in VARIABLES.items()}
    assert sorted(path.name for path in prefix.parent.iterdir()) == [f"model.ckpt-0.{part}" for part in sorted(PARTS)]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("damage", ["cut off", "another byte", "gone"])
def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path, part, damage):
    prefix = tmp_path / "model.ckpt-0"
    checkpoint.write(prefix, VARIABLES)
    file = prefix.with_name(f"{prefix.name}.{part}")
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    elif damage == "cut off":
        file.write_bytes(content[: len(content) // 2])
    else:
        file.write_bytes(content[:8] + bytes([content[8] ^ 0xFF]) + content[9:])
    for look in (checkpoint.read, checkpoint.shapes) if part == "index" else (checkpoint.read,):
        with pytest.raises(UserError, match="cannot be read") as refused:
            look(prefix)
        assert str(prefix) in str(refused.value)
        assert "\n" not in str(refused.value)


def damage(file: Path, how: str) -> None:
    content = file.read_bytes()
    middle = len(content) // 2
    flipped = bytes(byte ^ 0xFF for byte in content[middle : middle + 8])
    changed = {
        "cut off": content[:middle],
        "flipped bytes": content[:middle] + flipped + content[middle + 8 :],
        "empty": b"",
    }
    file.write_bytes(changed[how])


@pytest.fixture
def three(tmp_path) -> Path:
    """A folder with the checkpoints 0, 20 and 40."""
    for step in (0, 20, 40):
        checkpoint.write(checkpoint.at_step(tmp_path, step), {**VARIABLES, "large": np.arange(50_000.0)})
    return tmp_path


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("how", ["cut off", "flipped bytes", "empty"])
def test_a_damaged_newest_is_passed_over_and_kept_aside(three, capsys, part, how):
    assert checkpoint.newest_intact(three) == three / "model.ckpt-40"
    damage(three / f"model.ckpt-40.{part}", how)
    bytes_left = (three / f"model.ckpt-40.{part}").read_bytes()
    assert checkpoint.newest_intact(three) == three / "model.ckpt-20"
    (line,) = capsys.readouterr().out.splitlines()
    assert "model.ckpt-40 cannot be read" in line
    assert line.endswith(": passed over, and kept as model.ckpt-40.damaged")
    assert (three / f"model.ckpt-40.damaged.{part}").read_bytes() == bytes_left
    assert checkpoint.newest(three) == three / "model.ckpt-20"
    assert checkpoint.newest_intact(three) == three / "model.ckpt-20"
    assert not capsys.readouterr().out, "it is said once"


def test_what_was_set_aside_before_stays(three):
    first = checkpoint.set_aside(three / "model.ckpt-40", "damaged")
    checkpoint.write(three / "model.ckpt-40", {"again": np.zeros(1)})
    second = checkpoint.set_aside(three / "model.ckpt-40", "damaged")
    assert (first.name, second.name) == ("model.ckpt-40.damaged", "model.ckpt-40.damaged-2")
    assert "large" in checkpoint.read(first)
    assert list(checkpoint.read(second)) == ["again"]


def test_a_checkpoint_that_cannot_be_opened_is_not_passed_over(three):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with pytest.raises(WorldError, match="Too many open files"):
            checkpoint.check(three / "model.ckpt-40")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert checkpoint.newest_intact(three) == three / "model.ckpt-40"


def test_where_all_are_damaged_the_remedy_is_said(three):
    for step in (0, 20, 40):
        damage(three / f"model.ckpt-{step}.{PARTS[1]}", "cut off")
    with pytest.raises(UserError, match=r"no checkpoint in .* can be read; run make model MODEL=x$"):
        checkpoint.newest_intact(three, "run make model MODEL=x")
    assert checkpoint.newest(three) is None, "so that make model makes the start of training anew"


def test_where_there_has_never_been_one_none_is_intact(tmp_path):
    assert checkpoint.newest_intact(tmp_path) is None


def test_a_copy_is_what_it_was_and_takes_the_place_of_an_older_one(three):
    best = checkpoint.copy(three / "model.ckpt-20", three / "best")
    assert best == three / "best" / "model.ckpt-20"
    checkpoint.write(three / "model.ckpt-20", {"x": np.ones(3)})
    assert "large" in checkpoint.read(best)
    assert list(checkpoint.read(checkpoint.copy(three / "model.ckpt-20", three / "best"))) == ["x"]
    assert len(list((three / "best").iterdir())) == len(PARTS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_files_have_their_names(number):
    code = """
import os, signal, sys
from todus.uninterrupted import uninterrupted
with uninterrupted():
    os.kill(os.getpid(), int(sys.argv[1]))
    print("renamed", flush=True)
print("went on", flush=True)
"""
    result = run_python(code, str(int(number)))
    assert result.stdout == "renamed\n" and result.returncode == -number


def test_a_checkpoint_whose_writer_was_killed_between_the_two_names_is_not_lost(tmp_path):
    checkpoint.write(tmp_path / "model.ckpt-0", {"x": np.float32(1)})
    code = """
import os, signal, sys
from pathlib import Path
import numpy as np
from todus import checkpoint
rename = os.replace
def rename_and_die(source, target):
    rename(source, target)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = rename_and_die
checkpoint.write(Path(sys.argv[1]), {"x": np.float32(2)})
"""
    assert run_python(code, tmp_path / "model.ckpt-0").returncode == -signal.SIGKILL
    assert checkpoint.newest(tmp_path) is None, "the control: it was killed there"
    checkpoint.sweep(tmp_path)
    assert checkpoint.read(tmp_path / "model.ckpt-0") == {"x": 2}
    assert len(list(tmp_path.iterdir())) == len(PARTS), "what else was half written is gone"


def test_half_of_a_copy_is_none(three):
    (three / f"model.ckpt-20.{PARTS[1]}").unlink()
    with pytest.raises(FileNotFoundError):
        checkpoint.copy(three / "model.ckpt-20", three / "best")
    assert not list((three / "best").iterdir())


def test_what_is_removed_is_gone(three):
    checkpoint.remove(three / "model.ckpt-20")
    assert [prefix.name for prefix in checkpoint.in_order(three)] == ["model.ckpt-0", "model.ckpt-40"]
    assert len(list(three.iterdir())) == 2 * len(PARTS)


def test_its_size_is_that_of_its_files(tmp_path):
    (tmp_path / "model.ckpt-3.index").write_bytes(b"123")
    (tmp_path / "model.ckpt-3.data-00000-of-00001").write_bytes(b"4567")
    (tmp_path / "model.ckpt-30.index").write_bytes(b"89")
    assert checkpoint.size_on_disk(tmp_path / "model.ckpt-3") == 7


def test_to_look_for_the_newest_needs_no_tensorflow(tmp_path):
    put(tmp_path, "model.ckpt-3")
    code = """
import sys
from pathlib import Path
from todus import checkpoint
folder = Path(sys.argv[1])
print(checkpoint.newest(folder).name, checkpoint.named(folder, "3").name, "tensorflow" in sys.modules)
"""
    assert run_python(code, tmp_path).stdout == "model.ckpt-3 model.ckpt-3 False\n"
