"""What every command line of Todus has in common: help from the docstring, `--home`, errors in one line."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from todus import layout
from todus.errors import TodusError

INTERRUPTED = 130  # what a shell expects of a program ended by Ctrl-C


def parser(module_docstring: str) -> argparse.ArgumentParser:
    """A parser whose `--help` is the module's own docstring, with the arguments all commands share."""
    new = argparse.ArgumentParser(description=module_docstring, formatter_class=argparse.RawDescriptionHelpFormatter)
    new.add_argument(
        "--home",
        type=lambda text: Path(text).expanduser().resolve(),
        default=layout.CHECKOUT,
        metavar="DIR",
        help="folder that holds dataset/ and model/ (default: this checkout)",
    )
    return new


def add_model_dir(arguments: argparse.ArgumentParser) -> None:
    arguments.add_argument(
        "--model-dir",
        type=lambda text: Path(text).expanduser().resolve(),
        required=True,
        metavar="DIR",
        help="folder of the prepared model, e.g. model/ssd_mobilenet_v1_coco_2018_01_28",
    )


def positive(number: type) -> Callable[[str], int | float]:
    """A type for argparse: an int or a float above 0."""

    def parse(text: str) -> int | float:
        value = number(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
        return value

    parse.__name__ = f"positive {number.__name__}"  # argparse names the type in its message
    return parse


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
    except OSError as error:  # a full disk, a folder without permission: the world, not a bug
        where = f" ({error.filename})" if error.filename else ""
        print(f"todus: {error.strerror or error}{where}", file=sys.stderr)
        sys.exit(1)
