"""How a command ends: its exit status, and one line instead of a traceback."""

from __future__ import annotations

import argparse
import os
import re
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


@pytest.mark.parametrize("buffering", ["", "unbuffered"])
def test_help_for_a_reader_who_has_gone_ends_quietly(buffering):
    """As in `python -m todus.coco.dataset --help | true`."""
    code = "from todus import command\ncommand.run(lambda: command.parser('Does it.').parse_args(['--help']))"
    environment = {**os.environ, "PYTHONPATH": str(layout.CHECKOUT / "python"), "PYTHONUNBUFFERED": buffering}
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as gone:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=gone, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert ended.stderr == b""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--batch-size", "abc"], "BATCH_SIZE (--batch-size): 'abc' is not a whole number above 0"),
        (["--batch-size", "a\nb"], "BATCH_SIZE (--batch-size): 'a\\nb' is not a whole number above 0"),
        (["--batch-size"], "BATCH_SIZE (--batch-size): expected one argument"),
        (["-d", "huge"], "DATASET (-d/--dataset): invalid choice: 'huge' (choose from "),
        (["--seed", "x"], "--seed: invalid int value: 'x'"),  # make has no SEED
        (["--stepz", "3"], "unrecognized arguments: --stepz 3"),
        ([], "the following arguments are required: MODEL_DIR (--model-dir)"),
    ],
)
def test_a_mistake_in_the_arguments_is_one_line_that_names_make_s_variable(arguments, line, capsys):
    def main() -> None:
        parser = command.parser("")
        parser.add_argument("--batch-size", type=command.positive(int))
        parser.add_argument("-d", "--dataset", choices=["limited", "complete"])
        parser.add_argument("--seed", type=int)
        command.add_model_dir(parser)
        parser.parse_args([*arguments, "--model-dir", "x"] if arguments else [])

    status, said = ended(main, capsys)
    assert status == 2
    assert said.startswith(f"todus: {line}")
    assert said.endswith("; see make help, or --help\n")
    assert said.count("\n") == 1


def test_the_variables_named_in_messages_are_make_s():
    makefile = (layout.CHECKOUT / "Makefile").read_text(encoding="utf-8")
    assert not command.MAKE_VARIABLES - set(re.findall(r"^([A-Z_]+) \?=", makefile, re.MULTILINE))
    scripts = " ".join(path.read_text(encoding="utf-8") for path in (layout.CHECKOUT / "scripts").glob("*.sh"))
    for name in command.MAKE_VARIABLES - {"MODEL", "DATASET"}:  # these go by -m and -d
        assert f"--{name.lower().replace('_', '-')} " in scripts, name


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
def test_a_number_that_is_not_above_zero_is_refused(text):
    arguments = command.parser("")
    arguments.add_argument("--rate", type=command.positive(float))
    with pytest.raises(UserError, match=rf"--rate: '{text}' is not a number above 0"):
        arguments.parse_args([f"--rate={text}"])


def test_a_tilde_stands_for_a_home_or_for_itself(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/mine")
    assert command.expanded("~/photos") == Path("/home/of/mine/photos")
    for name in ("~nobody of this name", "~photo.jpg", "~$photo/a.jpg", "photos/~a.jpg"):
        assert command.expanded(name) == Path(name)


def test_a_number_above_zero_is_taken():
    assert command.positive(float)("0.25") == 0.25
    assert command.positive(int)("3") == 3
    with pytest.raises(argparse.ArgumentTypeError, match=r"'2\.5' is not a whole number"):
        command.positive(int)("2.5")


def test_the_next_command_finds_the_model_wherever_it_lies(tmp_path):
    assert command.for_model("eval", layout.Home().model("some")) == "make eval MODEL=some"
    there = layout.Home(tmp_path / "a b").model("some")
    assert command.for_model("eval", there) == f"make eval MODEL=some TODUS_HOME='{tmp_path}/a b'"
    assert command.for_model("eval", layout.Model(tmp_path / "some")) == f"make eval MODEL_DIR={tmp_path}/some"
