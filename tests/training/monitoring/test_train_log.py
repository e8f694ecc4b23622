"""training/train.log: what was said, with the time, run after run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support import run_python
from todus.training.monitoring.train_log import TrainLog


def lines(log: TrainLog) -> list[str]:
    """What the log has, without the times, which have to be there."""
    found = [re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)", line) for line in log.path.read_text().splitlines()]
    return [match[1] for match in found]


def test_what_is_said_is_on_the_terminal_and_in_the_log_run_after_run(tmp_path, capsys):
    TrainLog(tmp_path / "training").say("first run")
    log = TrainLog(tmp_path / "training")
    log.note("in the log alone")
    log.say("second run")
    assert capsys.readouterr().out.splitlines() == ["first run", "second run"]
    assert lines(log) == ["first run", "in the log alone", "second run"]


def test_without_a_folder_there_is_no_log(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    TrainLog(None).say("a worker")
    assert capsys.readouterr().out == "a worker\n"
    assert not list(tmp_path.iterdir())


def test_where_the_log_is_standard_output_a_line_comes_once(tmp_path):
    code = """
import os, sys
from pathlib import Path
from todus.training.monitoring.train_log import TrainLog
log = TrainLog(Path(sys.argv[1]))
log.note("started")
os.dup2(os.open(log.path, os.O_WRONLY | os.O_APPEND), 1)
log.say("said")
"""
    assert run_python(code, tmp_path).returncode == 0
    assert lines(TrainLog(tmp_path)) == ["started", "said"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_a_full_disk_does_not_end_training_for_the_log_s_sake(tmp_path, capsys):
    log = TrainLog(tmp_path)
    log.path.symlink_to("/dev/full")
    log.say("all the same")
    assert capsys.readouterr().out == "all the same\n"
