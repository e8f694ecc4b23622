"""`make help`: complete, live, and free of Python."""

import re
from pathlib import Path

from todus.coco import categories, raw_data

VERBS = {
    *("help", "install", "demo", "dataset-limited", "dataset-complete", "models", "model", "train", "eval", "export"),
    *("categories", "status", "test", "lint", "clean", "clean-dataset", "clean-model", "clean-venv"),
    *("doctor", "train-status", "train-stop", "tensorboard", "detect", "benchmark"),
    *("bench-dataset", "bench-eval", "bench-train"),
    *("convert-uff", "export-tflite", "convert-tflite", "bench-tflite", "convert-onnx", "device-kit"),
}
NO_VERBS = {"util", "dataset-options", "find-python", "build-venv"}  # scripts that other scripts and the Makefile use


def targets(shell) -> set[str]:
    """The targets of the Makefile by make's own account, less files, and names that begin with _."""
    database = shell.make("--print-data-base", "--question", "_nothing").stdout
    rules = re.findall(r"^([a-z][\w.-]*):(?!=)", database.partition("# Files")[2], flags=re.MULTILINE)
    return {name for name in rules if not (shell.folder / name).is_file()}


def test_lists_every_target_with_a_text(shell):
    listed = dict(re.findall(r"^  ([a-z-]+) +(\S.*)", shell.make("help").stdout, flags=re.MULTILINE))
    assert set(listed) == targets(shell) == VERBS
    assert all(listed.values())


def test_every_verb_has_a_script_and_every_script_a_verb(shell):
    assert {path.stem for path in (shell.folder / "scripts").glob("*.sh")} == VERBS | NO_VERBS


def test_every_target_is_phony_so_that_a_file_of_its_name_does_not_hide_it(shell):
    for verb in VERBS:
        (shell.folder / verb).touch()
    for verb in VERBS:
        assert f"scripts/{verb}.sh" in shell.make("--dry-run", verb).stdout, verb


def test_bare_make_is_help(shell):
    assert shell.make().stdout == shell.make("help").stdout != ""


def test_lists_every_variable_that_the_makefile_exports(shell):
    makefile = (shell.folder / "Makefile").read_text()
    variables = set(re.search(r"^VARIABLES := (.*?[^\\])$", makefile, re.MULTILINE | re.DOTALL)[1].split()) - {"\\"}
    listed = set(re.findall(r"^  ([A-Z_]+) +\S", shell.make("help").stdout, flags=re.MULTILINE))
    assert listed == variables == set(re.findall(r"^([A-Z_]+) \?=", makefile, flags=re.MULTILINE))


def test_values_are_those_in_force(shell):
    assert "= bear" not in shell.make("help").stdout
    assert "   = bear\n" in shell.make("help", "CATEGORIES=bear").stdout
    assert "   = bear\n" in shell.make("help", CATEGORIES="bear").stdout
    assert f"   = {shell.folder}\n" in shell.make("help").stdout  # TODUS_HOME


def test_defaults_equal_those_of_the_modules(shell):
    text = shell.make("help").stdout
    assert f"   = {categories.DEFAULT}\n" in text
    assert f"   = {raw_data.DEFAULT_URL}\n" in text


def test_starts_no_python_and_sets_nothing_up(shell, tmp_path: Path):
    alarms = tmp_path / "alarms"
    alarms.mkdir()
    for name in ("python", "python3", *(f"python3.{minor}" for minor in range(10, 14))):
        (alarms / name).write_text(f"#!/bin/sh\necho called >> '{tmp_path}/alarm'\nexit 1\n")
        (alarms / name).chmod(0o755)
    path = f"{alarms}:{shell.environment['PATH']}"

    assert shell.make("help", PATH=path, VENV="not-there").returncode == 0
    assert shell.script("help", PATH=path, VENV="not-there").returncode == 0
    assert not (tmp_path / "alarm").exists()
    assert not (shell.folder / "not-there").exists()

    shell.make("install", PATH=path, VENV="not-there", PYTHON="python3")  # only to see that the alarm works
    assert (tmp_path / "alarm").exists()


def test_the_script_prints_what_make_prints(shell):
    assert shell.script("help").stdout == shell.make("help").stdout
