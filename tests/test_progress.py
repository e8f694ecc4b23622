"""How progress, sizes and times read."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import sys
import termios
from types import SimpleNamespace

import pytest

from todus import progress


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (999_960, "1.0 MB"),
        (18_000_000_000, "18.0 GB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_sizes(count, text):
    assert progress.human_size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (59.7, "1 min 00 s"),
        (75, "1 min 15 s"),
        (3599.6, "1 h 00 min"),
        (3 * 3600 + 61, "3 h 01 min"),
    ],
)
def test_times(seconds, text):
    assert progress.human_time(seconds) == text


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """The clock that progress reads; `clock.now` sets it."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_off_a_terminal_a_line_comes_every_ten_seconds(clock, capsys):
    with progress.Progress("records", 400, "image") as bar:
        for _ in range(30):
            clock.now += 1
            bar.advance(2, note="loss 3.2")
    assert capsys.readouterr().err.splitlines() == [
        "records: 20 of 400 (5%), 2.0 image/s, 3 min 10 s left, loss 3.2",
        "records: 40 of 400 (10%), 2.0 image/s, 3 min 00 s left, loss 3.2",
        "records: 60 of 400 (15%), 2.0 image/s, 2 min 50 s left, loss 3.2",
    ]


def test_whoever_knows_the_speed_better_tells_it_in_the_note(clock, capsys):
    logged = []
    with progress.Progress("train", 400, "step", own_rate=False, also=logged.append) as bar:
        for step in range(25):
            clock.now += 1
            bar.advance(note=f"loss 3.{step}")
    assert logged == ["train: 10 of 400 (2%), loss 3.9", "train: 20 of 400 (5%), loss 3.19"]
    assert capsys.readouterr().err.splitlines() == logged


def test_what_is_resumed_counts_as_done_but_not_as_fast(clock, capsys):
    with progress.Progress("train.zip", 2_000_000, "B", done=1_000_000) as bar:
        clock.now += 10
        bar.advance(500_000)
    assert capsys.readouterr().err == "train.zip: 1.5 MB of 2.0 MB (75%), 50.0 kB/s, 10 s left\n"


def test_without_a_total_there_is_no_share_and_no_end(clock, capsys):
    with progress.Progress("images", None, "image") as bar:
        clock.now += 20
        bar.advance(3000)
    assert capsys.readouterr().err == "images: 3,000, 150.0 image/s\n"


def test_a_terminal_gets_a_bar(monkeypatch):
    reader, writer = os.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))  # a new one has no width
    os.set_blocking(reader, False)
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress.Progress("records", 4, "image") as bar:
            bar.advance(4)
        shown = b""
        with contextlib.suppress(BlockingIOError):  # all has been read
            while piece := os.read(reader, 1 << 16):
                shown += piece
    os.close(reader)
    assert shown.startswith(b"\rrecords:")
    assert b"0/4" in shown
    assert shown.endswith(b"\r"), "the bar makes room for what is said next"


def test_a_step_tells_what_it_has_made_and_what_comes_next(clock, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "labels.txt").write_bytes(bytes(1500))
    progress.made(tmp_path / "model", started=clock.now - 75)
    progress.already_there(tmp_path / "model", "delete it to make it again")
    progress.next_step("make eval")
    assert capsys.readouterr().out.splitlines() == [
        "made model (1.5 kB, 1 min 15 s)",
        "model is already there; delete it to make it again",
        "next: make eval",
    ]


def test_a_path_elsewhere_is_shown_whole(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert progress.shown(tmp_path / "there") == str(tmp_path / "there")
