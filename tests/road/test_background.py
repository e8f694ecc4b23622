"""make train BACKGROUND=1, train-status, train-stop: with real processes and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import NAME, failed_in_one_line, run_verb
from todus import checkpoint, files, layout
from todus.errors import UserError, WorldError
from todus.training.process import background, running, stop


@pytest.fixture
def no_run_left(home: layout.Home) -> Iterator[None]:
    yield
    pid = files.owner_of(home.model(NAME).training)
    if pid:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.usefixtures("no_run_left")
def test_a_run_in_the_background_outlives_its_terminal_is_told_of_and_saves_when_stopped(home: layout.Home) -> None:
    model = home.model(NAME)
    started = run_verb("train", home, STEPS="100000", BATCH_SIZE="2", BACKGROUND="1")
    assert started.returncode == 0, started.stderr
    run = running.current(model)
    assert f"process {run.pid} trains {NAME} in the background; log: " in started.stdout
    assert "first step after" in started.stdout
    assert f"next: make train-status MODEL={NAME}" in started.stdout
    assert os.getsid(run.pid) == run.pid, "in a session of its own, no terminal's closing reaches it"

    os.kill(run.pid, signal.SIGHUP)
    time.sleep(0.5)
    assert running.current(model) == run

    told = run_verb("train-status", home).stdout
    assert f"runs, process {run.pid}, since " in told
    assert "checkpoint model/ssd_mobilenet_v1_mini/training/model.ckpt-0" in told
    assert "next: make train-stop" in told

    second = run_verb("train", home, STEPS="100000")
    assert second.returncode == 1
    assert f"process {run.pid} trains {NAME} already" in second.stderr
    assert "Traceback" not in second.stderr

    stopped = run_verb("train-stop", home)
    assert stopped.returncode == 0, stopped.stderr
    newest = checkpoint.newest(model.training)
    assert checkpoint.step_of(newest) > 0
    assert f"saved model/{NAME}/training/{newest.name}\n" in stopped.stdout
    assert running.current(model) is None
    log = model.train_log.read_text()
    assert f"stopped at step {checkpoint.step_of(newest)} of 100000 by SIGTERM" in log
    assert log.count("first step after") == 1

    told = run_verb("train-status", home).stdout
    assert "does not run" in told
    again = run_verb("train-stop", home)
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, f"nothing trains {NAME}")


def test_mistakes_are_told_in_the_foreground(home: layout.Home) -> None:
    assert failed_in_one_line(run_verb("train", home, BACKGROUND="1", STEPS="-3"), "STEPS")
    assert failed_in_one_line(run_verb("train", home, BACKGROUND="yes"), "BACKGROUND", "'yes'")
    home.dataset("limited").manifest.unlink()
    assert failed_in_one_line(run_verb("train", home, BACKGROUND="1"), "make dataset-limited")
    assert not home.model(NAME).train_log.exists()


def test_a_run_that_fails_before_its_first_step_is_told_in_its_own_words(home: layout.Home, monkeypatch) -> None:
    model = home.model(NAME)
    monkeypatch.setenv("PYTHONPATH", str(layout.CHECKOUT / "python"))
    model.train_log.write_text("todus: of an earlier run\n")
    with pytest.raises(UserError, match=r"^the following arguments are required: MODEL_DIR"):
        background.start(model, [])
    assert "todus: the following arguments" in model.train_log.read_text()
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    with pytest.raises(WorldError, match=r"exit status 1.*train\.log"):
        background.start(model, [])


HOLDS_THE_LOCK = """
import signal, sys, time
from pathlib import Path
from todus import files
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with files.locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def locks(folder: Path, *more: str) -> subprocess.Popen:
    """A process that holds the folder's lock and minds no SIGTERM; `more` is for its command line."""
    environment = {**os.environ, "PYTHONPATH": str(layout.CHECKOUT / "python")}
    command = [sys.executable, "-c", HOLDS_THE_LOCK, str(folder), *more]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_run_that_does_not_end_is_given_up_on(home: layout.Home) -> None:
    model = home.model(NAME)
    process = locks(model.training, running.MODULE)
    try:
        with pytest.raises(WorldError, match=f"process {process.pid} has not ended.*kill -9 {process.pid}.*ckpt-0"):
            stop.stop(model, patience=0.5)
    finally:
        process.kill()
        process.communicate()
    assert running.current(model) is None, "the lock file is still there, and nobody's"


def test_what_holds_the_folder_but_does_not_train_is_left_alone(home: layout.Home, capsys) -> None:
    model = home.model(NAME)
    process = locks(model.training)
    try:
        assert files.owner_of(model.training) == process.pid
        stop.stop(model)
        assert capsys.readouterr().out == f"nothing trains {NAME}\n"
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_of_a_model_that_is_not_prepared(tmp_path: Path) -> None:
    for verb in ("train-status", "train-stop", "tensorboard"):
        assert failed_in_one_line(run_verb(verb, layout.Home(tmp_path), MODEL=NAME), f"make model MODEL={NAME}")
