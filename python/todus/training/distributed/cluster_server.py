"""TensorFlow's own server of a process in a cluster, and how the processes tell each other that training is over.

Each parameter server has two queues: `over` gets an entry when the chief ends training, `left` one from every process
that has ended for it.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from todus import progress
from todus.bridge.graph_mode import tf
from todus.errors import WorldError
from todus.training.distributed.cluster import SERVER, Cluster
from todus.training.signals import Stop

WAITING_LINE_EVERY = 10.0  # seconds
LOOK_EVERY = 0.5
CONNECTING = 2.0  # seconds that a connection may take

Answer = TypeVar("Answer")


def start(cluster: Cluster, config: tf.ConfigProto | None = None) -> tf.train.Server:
    """Start the server of this process, by which the others reach it. It ends with the process only.

    Raises:
      WorldError: its port is taken.
    """
    _require_free_port(cluster)
    try:
        return tf.train.Server(tf.train.ClusterSpec(cluster.jobs), cluster.job, cluster.index, config=config)
    except tf.errors.OpError as error:
        first_line = error.message.strip().splitlines()[0]
        raise WorldError(
            f"the server of {cluster.task} at {cluster.address} cannot be started ({first_line})"
        ) from None


def queues(server: int) -> tuple[tf.FIFOQueue, tf.FIFOQueue]:
    """The queues `over` and `left` of a parameter server, in the default graph."""
    with tf.device(f"/job:{SERVER}/task:{server}"):
        over, left = (tf.FIFOQueue(10_000, tf.bool, [], shared_name=f"todus_{name}") for name in ("over", "left"))
    return over, left


def wait_until(is_so: Callable[[], Answer], what: str, stop: Stop) -> Answer:
    """Wait until `is_so()`, and say every ten seconds that it is for `what`; returns what `is_so` did in the end.

    Raises:
      KeyboardInterrupt: `stop` was asked for meanwhile.
    """
    started = time.monotonic()
    next_line = started
    while not (answer := is_so()):
        if stop.signal:
            raise KeyboardInterrupt
        if time.monotonic() >= next_line:
            waited = round(time.monotonic() - started)
            progress.say(f"waiting for {what}" + (f", {progress.human_time(waited)} so far" if waited else ""))
            next_line += WAITING_LINE_EVERY
        time.sleep(LOOK_EVERY)
    return answer


def wait_until_reachable(servers: Sequence[str], stop: Stop) -> None:
    """Wait until all parameter servers take connections. (TensorFlow waits too, but deaf to signals.)"""
    for index, address in enumerate(servers):
        wait_until(lambda address=address: is_reachable(address), f"ps {index} at {address}", stop)


def is_reachable(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECTING).close()
    except OSError:
        return False
    return True


def _require_free_port(cluster: Cluster) -> None:
    """TensorFlow would share the port with whoever has it, and each would get some of the other's connections."""
    port = int(cluster.address.rpartition(":")[2])
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a killed run has left does not count
            probe.bind(("", port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise WorldError(f"port {port} of {cluster.task} cannot be used ({error.strerror})") from None
        raise WorldError(
            f"port {port} of {cluster.task} is taken; end what uses it, or wait until that ends, or change "
            "TF_CONFIG on all hosts"
        ) from None
