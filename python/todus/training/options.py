"""What a user can set of a training run, on the command line and through make."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
import time
from dataclasses import dataclass

from todus import command
from todus.training.distributed import cluster, orphans

PRETRAINED = "pretrained"
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Every:
    """How often: after so many steps, or after so many seconds. One of the two is set."""

    steps: int | None = None
    seconds: float | None = None


class Due:
    """Tells when it is time again. `now` is in seconds of time.monotonic(), which is asked where it is not given."""

    def __init__(self, every: Every, step: int, now: float | None = None):
        self.every = every
        self.restart(step, now)

    def restart(self, step: int, now: float | None = None) -> None:
        """Count from here."""
        self._step, self._time = step, time.monotonic() if now is None else now

    def at(self, step: int, now: float | None = None) -> bool:
        """Whether it is time. Steps count from 0, wherever the run began: every 500 means 500, 1000, and so on."""
        if self.every.steps:
            return step // self.every.steps > self._step // self.every.steps
        return (time.monotonic() if now is None else now) - self._time >= self.every.seconds

    def over(self, step: int) -> bool:
        """Whether it is time; if so, count from here."""
        is_time = self.at(step)
        if is_time:
            self.restart(step)
        return is_time


@dataclass(frozen=True)
class Options:
    """All of them, as given; what was not given is None, or what the Makefile's switches are without a value."""

    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    scale_learning_rate: bool = False
    save_every: Every | None = None
    keep: int = 5
    eval_every: Every | None = None
    eval_images: int | None = None
    until_ap: float | str | None = None  # PRETRAINED: what the zoo's own model reaches
    patience: int | None = None
    background: bool = False
    precision: str = "auto"
    xla: bool = False
    sync: bool = False
    workers: int | None = None
    tf_config: str | None = None
    ends_with_stdin: bool = False

    @property
    def evaluates(self) -> bool:
        """Whether anything is asked for that needs evaluation while training."""
        return any((self.eval_every, self.eval_images, self.until_ap, self.patience))


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add an argument for each of Options."""
    count, positive = command.positive(int), command.positive(float)
    for name, kind, metavar, text in (
        ("steps", count, "N", "steps in all, earlier runs included"),
        ("batch-size", count, "N", "images a step"),
        ("learning-rate", positive, "X", "base learning rate"),
        ("scale-learning-rate", command.switch, "0|1", "1: times the batch size by that of the pipeline"),
        ("save-every", every, "EVERY", "a checkpoint every 500 steps, or every 30s, 10m, 2h (default: 10m)"),
        ("keep", count, "N", "checkpoints that are kept, beside the first and the best (default: 5)"),
        ("eval-every", every, "EVERY", "evaluate while training, every 500 steps, or every 30s, 10m, 2h"),
        ("eval-images", count, "N", "validation images to evaluate then (default: all)"),
        ("until-ap", average_precision, "AP", "stop when this AP, 0 to 1, is reached, or that of `pretrained`"),
        ("patience", count, "N", "stop when AP has not risen for so many evaluations"),
        ("background", command.switch, "0|1", "1: go on without the terminal"),
        ("xla", command.switch, "0|1", "1: compile with XLA"),
        ("sync", command.switch, "0|1", "1: of several workers, each step waits for all"),
        ("workers", count, "N", "processes on this machine that train together (default: one for each GPU)"),
    ):
        parser.add_argument(f"--{name}", type=kind, metavar=metavar, help=text, default=_default(name))
    parser.add_argument("--precision", choices=PRECISIONS, default=_default("precision"), help="of the calculation")
    cluster.add_argument(parser)
    orphans.add_argument(parser)


def from_arguments(arguments: argparse.Namespace) -> Options:
    return Options(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Options)})


def _default(name: str) -> object:
    return getattr(Options, name.replace("-", "_"))


def every(text: str) -> Every:
    """A type for argparse: `500` steps, or `30s`, `10m`, `2h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if match and float(match[1]) > 0:
        return Every(seconds=float(match[1]) * _SECONDS[match[2]])
    if text.isdecimal() and int(text) > 0:
        return Every(steps=int(text))
    raise argparse.ArgumentTypeError(f"{text!r} is neither a number of steps, like 500, nor a time, like 30s, 10m, 2h")


def average_precision(text: str) -> float | str:
    """A type for argparse: an AP above 0 and at most 1, or `pretrained`."""
    if text == PRETRAINED:
        return text
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0 < value <= 1:
        return value
    hint = f"; did you mean {value / 100:g}?" if 1 < value <= 100 else ""
    raise argparse.ArgumentTypeError(f"{text!r} is neither an AP between 0 and 1 nor {PRETRAINED}{hint}")
