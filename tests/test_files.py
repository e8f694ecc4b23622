"""Atomic files and folders: a half-written one never looks whole, and a failure leaves what was there."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import run_python
from todus import files
from todus.errors import WorldError
from todus.layout import CHECKOUT

KILLED = 9


def contents(folder: Path) -> dict[str, str | None]:
    """Everything below `folder`, hidden files too; None for a folder."""
    return {str(p.relative_to(folder)): p.read_text() if p.is_file() else None for p in folder.rglob("*")}


def test_a_file_appears_when_its_block_ends_and_not_before(tmp_path):
    target = tmp_path / "new" / "folder" / "report.txt"
    with files.atomic_file(target) as unfinished:
        unfinished.write_text("whole")
        assert unfinished.parent == target.parent, "another disk could not be renamed from"
        assert not target.exists()
    assert contents(target.parent) == {"report.txt": "whole"}


@pytest.mark.parametrize("before", [{}, {"report.txt": "old"}], ids=["nothing before", "an old one"])
@pytest.mark.parametrize("written", ["", "half"])
def test_a_file_that_fails_leaves_what_was_there(tmp_path, before, written):
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ZeroDivisionError), files.atomic_file(tmp_path / "report.txt") as unfinished:
        if written:
            unfinished.write_text(written)
        raise ZeroDivisionError
    assert contents(tmp_path) == before


def test_a_folder_replaces_the_one_before_it_as_a_whole(tmp_path):
    target = tmp_path / "dataset"
    for name in ("first", "second"):
        with files.atomic_folder(target) as unfinished:
            (unfinished / name).write_text(name)
            assert not (target / name).exists()
    assert contents(tmp_path) == {"dataset": None, "dataset/second": "second"}


def test_a_folder_that_fails_leaves_the_one_before_it(tmp_path):
    target = tmp_path / "dataset"
    with files.atomic_folder(target) as unfinished:
        (unfinished / "first").write_text("first")
    with pytest.raises(ZeroDivisionError), files.atomic_folder(target) as unfinished:
        (unfinished / "second").write_text("half")
        raise ZeroDivisionError
    assert contents(tmp_path) == {"dataset": None, "dataset/first": "first"}


def test_a_first_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), files.atomic_folder(tmp_path / "dataset") as unfinished:
        (unfinished / "half").write_text("half")
        raise KeyboardInterrupt
    assert contents(tmp_path) == {}


# Writes a folder and dies, as by SIGKILL, just before the rename number argv[2].
KILLED_AT_RENAME = f"""
import os, sys
import os
import subprocess
import sys
from pathlib import Path
from todus import files
from todus.errors import WorldError
from todus.layout import CHECKOUT
rename, count = os.replace, [0]
def replace(source, target):
    count[0] += 1
    if count[0] == int(sys.argv[2]):
        os._exit({KILLED})
    rename(source, target)
os.replace = replace
with files.atomic_folder(Path(sys.argv[1])) as unfinished:
    (unfinished / "second").write_text("second")
"""


@pytest.mark.parametrize("rename", [1, 2], ids=["before both renames", "between the renames"])
def test_a_folder_whose_replacement_was_killed_comes_back(tmp_path, rename):
    target = tmp_path / "dataset"
    with files.atomic_folder(target) as unfinished:
        (unfinished / "first").write_text("first")
    assert run_python(KILLED_AT_RENAME, target, rename).returncode == KILLED
    assert target.exists() == (rename == 1)
    with pytest.raises(ZeroDivisionError), files.atomic_folder(target) as unfinished:
        assert contents(target) == {"first": "first"}
        assert contents(unfinished) == {}, "what the killed run had written is not to be mixed with what is new"
        raise ZeroDivisionError
    assert contents(tmp_path) == {"dataset": None, "dataset/first": "first"}


def test_what_a_killed_run_left_half_written_is_swept_away(tmp_path):
    with pytest.raises(KeyboardInterrupt), files.atomic_file(tmp_path / "a.jpg") as unfinished:
        leftover = unfinished
        raise KeyboardInterrupt
    leftover.write_text("half")
    (tmp_path / "b.jpg").write_text("whole")
    files.sweep(tmp_path)
    assert contents(tmp_path) == {"b.jpg": "whole"}
    files.sweep(tmp_path / "not there")


def test_json_keeps_order_and_letters(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1, "a": ["é", None]})
    assert (tmp_path / "a.json").read_bytes() == '{"b": 1, "a": ["é", null]}\n'.encode()


def test_size_of_a_file_and_of_a_folder(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "one").write_bytes(b"1234")
    (tmp_path / "deep" / "er" / "two").write_bytes(b"123")
    assert files.size_on_disk(tmp_path / "one") == 4
    assert files.size_on_disk(tmp_path) == 7


def test_two_makers_of_one_folder_do_not_meet(tmp_path):
    target = tmp_path / "folder"
    with files.atomic_folder(target) as unfinished:
        (unfinished / "first").touch()
        message = rf"another run \(process {os.getpid()}\) is at work"
        with pytest.raises(WorldError, match=message), files.atomic_folder(target):
            pass
    assert [path.name for path in target.iterdir()] == ["first"]


HOLDER = """
import sys, time
from pathlib import Path
from todus import files
with files.locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_names_its_owner_and_dies_with_it(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "python")}
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        message = rf"another run \(process {holder.pid}\) is at work"
        with pytest.raises(WorldError, match=message), files.locked(tmp_path):
            pass
        holder.kill()
        holder.wait()
    assert contents(tmp_path)[".lock"] == f"{holder.pid}\n"  # left behind, and nobody's
    with files.locked(tmp_path):
        assert contents(tmp_path)[".lock"] == f"{os.getpid()}\n"
    assert contents(tmp_path) == {}


def test_who_only_asks_for_the_owner_keeps_nobody_from_locking(tmp_path, monkeypatch):
    lock = files.lock_of(tmp_path)
    lock.write_text("4711\n")  # a killed run's
    asking = os.open(lock, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)  # as owner_of does for a moment
    monkeypatch.setattr(files.time, "sleep", lambda seconds: os.close(asking))
    with files.locked(tmp_path):
        assert files.owner_of(tmp_path) == os.getpid()


def test_a_folder_is_put_back_if_its_replacement_cannot_be_renamed(tmp_path, monkeypatch):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    rename = os.replace

    def interrupted(source, destination):
        if Path(destination) == target and ".unfinished" in Path(source).name:
            raise KeyboardInterrupt
        rename(source, destination)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), files.atomic_folder(target):
        pass
    assert [path.name for path in target.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_says_how_much_room_is_lacking(tmp_path):
    files.require_space(tmp_path / "not" / "yet", 1, "a byte")
    with pytest.raises(WorldError, match=r"too small for images: 1152921\.5 TB are needed, .* are free; make room"):
        files.require_space(tmp_path / "not" / "yet", 1 << 60, "images")
    assert contents(tmp_path) == {}
