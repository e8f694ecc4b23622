"""How the program tells what it is doing: progress bars, what was made, and the next command."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from todus import files

PLAIN_LINE_EVERY = 10.0  # seconds, where the output is not a terminal


def say(text: str) -> None:
    with tqdm.external_write_mode():  # a bar that is on the terminal makes room for the line
        print(text, flush=True)


def human_size(count: float) -> str:
    """1234567 -> '1.2 MB' (decimal units, as disks and networks are sold)."""
    for unit in ("B", "kB", "MB", "GB"):
        shown_count = f"{count:.0f}" if unit == "B" else f"{count:.1f}"
        if float(shown_count) < 1000:  # as rounded, or 999,960 would be 1000.0 kB
            return f"{shown_count} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def human_time(seconds: float) -> str:
    """75 -> '1 min 15 s'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


class Progress:
    """`with Progress("records", total, "image") as bar: bar.advance()`: a bar, or plain lines off a terminal.

    `unit="B"` counts bytes and scales them. A total of None means that it is not known. With `own_rate=False` neither
    speed nor time is told but by the `note`. `also` gets the plain lines too, even on a terminal; with `quiet` it alone
    gets them.
    """

    def __init__(
        self,
        what: str,
        total: int | None,
        unit: str,
        done: int = 0,
        own_rate: bool = True,
        also: Callable[[str], None] | None = None,
        quiet: bool = False,
    ):
        self.what, self.total, self.unit, self.done = what, total, unit, done
        self._own_rate, self._also, self._quiet = own_rate, also, quiet
        self._first = done
        self._started = self._last_line = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(
                desc=what,
                total=total,
                initial=done,
                unit=unit if unit == "B" else f" {unit}",
                unit_scale=unit == "B",
                leave=False,
                dynamic_ncols=True,
                bar_format=None if own_rate else "{desc}: {n_fmt}/{total_fmt} {percentage:3.0f}% [{bar:10}]{postfix}",
            )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, count: int = 1, note: str = "") -> None:
        self.done += count
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        if time.monotonic() - self._last_line >= PLAIN_LINE_EVERY:
            self._last_line = time.monotonic()
            self._tell(self._plain_line(note))

    def _tell(self, line: str) -> None:
        if self._bar is None and not self._quiet:
            print(line, file=sys.stderr, flush=True)
        if self._also:
            self._also(line)

    def _plain_line(self, note: str) -> str:
        rate = (self.done - self._first) / max(time.monotonic() - self._started, 1e-9)
        show = human_size if self.unit == "B" else lambda count: f"{count:,.0f}"
        line = f"{self.what}: {show(self.done)}"
        if self.total:
            line += f" of {show(self.total)} ({self.done / self.total:.0%})"
        if not self._own_rate:
            return f"{line}, {note}"
        line += f", {show(rate)}/s" if self.unit == "B" else f", {rate:.1f} {self.unit}/s"
        if self.total and self.done <= self.total and rate > 0:  # an estimated total may be too small
            line += f", {human_time((self.total - self.done) / rate)} left"
        return f"{line}, {note}" if note else line


def made(path: Path, started: float, size: int | None = None) -> None:
    """Say what a step has made: file or folder, size in bytes (default: what `path` takes on disk), and the seconds
    since `started` (time.monotonic())."""
    size = files.size_on_disk(path) if size is None else size
    say(f"made {shown(path)} ({human_size(size)}, {human_time(time.monotonic() - started)})")


def already_there(path: Path, how_to_redo: str) -> None:
    say(f"{shown(path)} is already there; {how_to_redo}")


def next_step(command: str) -> None:
    say(f"next: {command}")


def shown(path: Path) -> str:
    """A path as the user would type it: relative where it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
