"""Show the training of a model in a browser: TensorBoard on training/, until Ctrl-C.

    python -m todus.training.monitoring.tensorboard --model-dir model/NAME [--port 6006] [--listen localhost]

Training may go on meanwhile; what it adds is shown as it comes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import signal

from todus import command, progress
from todus.errors import UserError
from todus.layout import Model
from todus.zoo import prepared

PORT = 6006  # TensorBoard's own
LISTEN = "localhost"
ENDINGS = (signal.SIGINT, signal.SIGTERM)


def serve(model: Model, port: int, listen: str) -> None:
    """Serve until a signal ends it.

    Args:
      listen: the address that it can be reached at: localhost, or 0.0.0.0 for the whole network.

    Raises:
      UserError: the port is taken or may not be used, or the address is not one of this machine.
    """
    prepared.require_model(model)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)  # before there are threads, so that only sigwait gets them
    url = _launch(model, port, listen)
    if not any(model.training.glob("events.out.tfevents.*")):
        progress.say(f"there is nothing to show yet; it comes with: {command.for_model('train', model)}")
    progress.say(f"TensorBoard of {model.name}: {url} (Ctrl-C ends it)")
    signal.sigwait(ENDINGS)


def _launch(model: Model, port: int, listen: str) -> str:
    from tensorboard import program

    board = program.TensorBoard()
    board.configure(logdir=str(model.training), port=port, host=listen)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # it tells there how it reads the files
            return board.launch()
    except program.TensorBoardPortInUseError:
        raise UserError(f"port {port} is taken; set PORT to another one") from None
    except program.TensorBoardServerException as error:
        reason = " ".join(error.msg.split())
        raise UserError(f"TensorBoard cannot listen at {listen}, port {port} ({reason}); set LISTEN or PORT") from None


def main() -> None:
    arguments = parse_arguments()
    serve(Model(arguments.model_dir), arguments.port, arguments.listen)


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    command.add_model_dir(parser)
    parser.add_argument("--port", type=_port, default=PORT, metavar="N", help="of the address (default: %(default)s)")
    parser.add_argument("--listen", default=LISTEN, metavar="HOST", help="of the address (default: %(default)s)")
    return parser.parse_args()


def _port(text: str) -> int:
    """A type for argparse: a port that can be named, from 1 to 65535."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 1 to 65535")
    return int(text)


if __name__ == "__main__":
    command.run(main)
