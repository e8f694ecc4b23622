"""What every command line of Todus has in common: help from the docstring, `--home`, errors in one line."""

from __future__ import annotations

import argparse
import math
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from todus import layout
from todus.errors import TodusError, UserError

# The variables of the Makefile that scripts/ hand on as the option of the same name.
MAKE_VARIABLES = {
    *("CATEGORIES", "SPLITS", "COCO_URL", "FETCH", "CONNECTIONS", "NEGATIVES", "MASKS", "PREVIEW"),
    *("DATASET", "MODEL", "MODEL_DIR", "ZOO_URL", "QUANTIZE", "QUANT_DELAY"),
    *("STEPS", "BATCH_SIZE", "LEARNING_RATE", "SCALE_LEARNING_RATE", "SAVE_EVERY", "KEEP", "GRAPH", "CHECKPOINT"),
    *("EVAL_EVERY", "EVAL_IMAGES", "UNTIL_AP", "PATIENCE", "BACKGROUND", "PRECISION", "XLA", "SYNC", "WORKERS"),
    *("PORT", "LISTEN"),
    *("TFLITE", "NMS", "MAX_DETECTIONS", "POSTPROCESS"),
    *("INPUT", "LAYOUT", "BATCH", "OPSET", "PREPROCESS"),
    *("TEXT", "PLUGINS", "THRESHOLD", "CONFIG", "THREADS", "IMAGE", "OUTPUT", "FORMAT"),
}
_OPTION = re.compile(r"(?<!\S)(?:-\w/)?--(?P<name>[a-z-]+)(?:/-\w)?(?=[:,]|$)")  # as argparse writes one in a message
INTERRUPTED = 130  # what a shell expects of a program ended by Ctrl-C


def parser(module_docstring: str) -> argparse.ArgumentParser:
    """A parser whose `--help` is the module's own docstring, with the arguments all commands share.

    A mistake in the arguments is a UserError.
    """
    new = _Parser(description=module_docstring, formatter_class=argparse.RawDescriptionHelpFormatter)
    new.add_argument(
        "--home",
        type=lambda text: expanded(text).resolve(),
        default=layout.CHECKOUT,
        metavar="DIR",
        help="folder that holds dataset/ and model/ (default: this checkout)",
    )
    return new


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say a mistake in one line, in the words of make too."""
        text = " ".join(message.removeprefix("argument ").split())
        raise UserError(f"{_OPTION.sub(_with_variable, text)}; see make help, or --help")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        sys.stdout.flush()  # as in `run`
        super().exit(status, message)


def _with_variable(option: re.Match) -> str:
    """`-d/--dataset` -> `DATASET (-d/--dataset)`."""
    variable = option["name"].replace("-", "_").upper()
    return f"{variable} ({option[0]})" if variable in MAKE_VARIABLES else option[0]


def add_model_dir(arguments: argparse.ArgumentParser) -> None:
    arguments.add_argument(
        "--model-dir",
        type=lambda text: expanded(text).resolve(),
        required=True,
        metavar="DIR",
        help="folder of the prepared model, e.g. model/ssd_mobilenet_v1_coco_2018_01_28",
    )


def add_checkpoint(arguments: argparse.ArgumentParser) -> None:
    arguments.add_argument(
        "--checkpoint", "-c", default="", metavar="NAME", help="e.g. model.ckpt-500, or best (default: the newest)"
    )


def for_model(verb: str, model: layout.Model) -> str:
    """The command that runs `verb` on this very model, wherever it lies."""
    home = layout.Home(model.folder.parent.parent)
    if home.model(model.name) != model:
        return f"make {verb} MODEL_DIR={shlex.quote(str(model.folder))}"
    return f"make {verb} MODEL={model.name}{elsewhere(home)}"


def elsewhere(home: layout.Home) -> str:
    """What a command has to say besides, if dataset/ and model/ are not in this checkout."""
    return "" if home == layout.Home() else f" TODUS_HOME={shlex.quote(str(home.folder))}"


def expanded(text: str) -> Path:
    """A type for argparse: a path, `~` and `~user` at its beginning replaced. Where there is no such user, the name
    simply begins so (as those of some programs' backups do)."""
    return Path(os.path.expanduser(text))  # noqa: PTH111, for Path.expanduser fails there


def positive(number: type) -> Callable[[str], int | float]:
    """A type for argparse: an int or a float above 0."""

    def parse(text: str) -> int | float:
        try:
            value = number(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            kind = "whole number" if number is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is not a {kind} above 0")
        return value

    return parse


def not_negative(text: str) -> int:
    """A type for argparse: a whole number of 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def share(text: str) -> float:
    """A type for argparse: a share of a whole, from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def switch(text: str) -> bool:
    """A type for argparse: what the Makefile's switches are set to."""
    if text not in ("0", "1"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def run(main: Callable[[], int | None]) -> None:
    """Call `main` and leave the process: 0, the status `main` returns, or an error's own exit status."""
    try:
        status = main() or 0
        sys.stdout.flush()  # while a reader who has gone can still be told from a bug
        sys.exit(status)
    except TodusError as error:
        print(f"todus: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        print("todus: interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has had enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes
        sys.exit(1)
    except _tensorflow_errors() as error:  # a full disk while saving, a device out of memory
        print(f"todus: {str(error).strip().splitlines()[0]}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:  # a full disk, a folder without permission: the world, not a bug
        where = f" ({error.filename})" if error.filename else ""
        print(f"todus: {error.strerror or error}{where}", file=sys.stderr)
        sys.exit(1)


def _tensorflow_errors() -> tuple[type[Exception], ...]:
    """TensorFlow's own errors, if it has been imported at all."""
    errors = sys.modules.get("tensorflow.python.framework.errors_impl")
    return (errors.OpError,) if errors else ()
