"""How a command ends: its exit status, and one line instead of a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from todus import command, layout
from todus.errors import UserError, WorldError


def ended(main, capsys) -> tuple[int, str]:
    """Exit status and standard error of `main`, run as a command."""
    with pytest.raises(SystemExit) as end:
        command.run(main)
    return end.value.code, capsys.readouterr().err


def raising(error: BaseException):
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (3, 3)])
def test_the_status_is_what_main_returns(returned, status, capsys):
    assert ended(lambda: returned, capsys) == (status, "")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UserError("no such model; take another"), 2, "todus: no such model; take another\n"),
        (WorldError("the network is down"), 1, "todus: the network is down\n"),
        (OSError(28, "No space left on device"), 1, "todus: No space left on device\n"),
        (PermissionError(13, "Permission denied", "/a/b"), 1, "todus: Permission denied (/a/b)\n"),
        (OSError("strange"), 1, "todus: strange\n"),
    ],
)
def test_an_error_is_one_line(error, status, line, capsys):
    assert ended(raising(error), capsys) == (status, line)


def test_an_interrupted_command_says_how_to_go_on(capsys):
    status, said = ended(raising(KeyboardInterrupt()), capsys)
    assert status == 130
    assert said.startswith("todus: interrupted; run the same command again")
    assert said.count("\n") == 1


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ValueError, match="a bug"):
        command.run(raising(ValueError("a bug")))


@pytest.mark.parametrize(
    "printing",
    [
        "for _ in range(100_000): print('x' * 60)",
        "[(print('x' * 60, flush=True), time.sleep(0.01)) for _ in range(300)]",
        "print('x' * 60, flush=True); time.sleep(0.5); print('the last words, still in the buffer when main ends')",
    ],
    ids=["much at once", "line by line", "at the end"],
)
def test_a_reader_who_has_had_enough_ends_it_quietly(printing):
    """As in `make categories | head -1`."""
    code = f"import time\nfrom todus import command\ndef main():\n    {printing}\ncommand.run(main)"
    environment = {**os.environ, "PYTHONPATH": str(layout.CHECKOUT / "python"), "PYTHONUNBUFFERED": ""}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, env=environment) as running:
        assert running.stdout.readline() == b"x" * 60 + b"\n"
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1


def test_help_is_the_docstring_as_it_is_written(capsys):
    with pytest.raises(SystemExit) as end:
        command.parser("Does it.\n\n    python -m todus.it\n").parse_args(["--help"])
    assert end.value.code == 0
    assert "Does it.\n\n    python -m todus.it\n" in capsys.readouterr().out


def test_folders_are_absolute_and_the_user_s_home_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    arguments = command.parser("")
    command.add_model_dir(arguments)
    given = arguments.parse_args(["--home", "~/tree", "--model-dir", "model/x"])
    assert given.home == tmp_path / "tree"
    assert given.model_dir == Path.cwd() / "model" / "x"
    assert arguments.parse_args(["--model-dir", "x"]).home == layout.CHECKOUT


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e400", "many", ""])
def test_a_number_that_is_not_above_zero_is_refused(text, capsys):
    arguments = command.parser("")
    arguments.add_argument("--rate", type=command.positive(float))
    with pytest.raises(SystemExit) as end:
        arguments.parse_args([f"--rate={text}"])
    assert end.value.code == 2
    assert "--rate" in capsys.readouterr().err


def test_a_number_above_zero_is_taken():
    assert command.positive(float)("0.25") == 0.25
    assert command.positive(int)("3") == 3
    with pytest.raises(ValueError, match=r"2\.5"):
        command.positive(int)("2.5")
