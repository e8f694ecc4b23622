"""Hold the variables of a training on many machines, until the chief ends it.

    python -m todus.training.distributed.parameter_server --tf-config "$TF_CONFIG"

A parameter server needs neither the model nor the dataset. Ctrl-C (or SIGTERM) ends it; started again, it gets the
variables anew from the chief, as of its newest checkpoint.
"""

from __future__ import annotations

import time

from todus import command, progress
from todus.errors import UserError
from todus.training.distributed import cluster as clusters
from todus.training.distributed import orphans
from todus.training.distributed.cluster import SERVER, Cluster

LOOK_EVERY = 0.5  # seconds
PATIENCE = 60.0  # seconds that are left to the others for their last step


def serve(cluster: Cluster) -> None:
    """Serve until the chief has said that training is over, and all who train have seen it or had time to."""
    from todus.training import signals

    with signals.asked_to_stop() as stop:
        over, left = _board(cluster)
        progress.say(f"ps {cluster.index} holds variables at {cluster.address} until the chief ends training")
        while not over() and not stop.signal:
            time.sleep(LOOK_EVERY)
        deadline = time.monotonic() + PATIENCE
        while left() < cluster.replicas and not stop.signal and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)
    progress.say(f"ended by {stop.signal}" if stop.signal else "training is over")


def _board(cluster: Cluster):
    """Start the server; returns two functions that tell how many entries its queues `over` and `left` have."""
    from todus.bridge.graph_mode import tf
    from todus.training.distributed import cluster_server

    server = cluster_server.start(cluster, tf.ConfigProto(device_count={"GPU": 0}))
    with tf.Graph().as_default() as graph:
        sizes = [queue.size() for queue in cluster_server.queues(cluster.index)]
    only_here = tf.ConfigProto(device_filters=[f"/job:{SERVER}/task:{cluster.index}"])
    session = tf.Session(server.target, graph, only_here)
    return [lambda size=size: int(session.run(size)) for size in sizes]


def main() -> None:
    parser = command.parser(__doc__)
    clusters.add_argument(parser)
    orphans.add_argument(parser)
    arguments = parser.parse_args()
    cluster = clusters.parse(arguments.tf_config)
    if cluster is None or cluster.job != SERVER:
        raise UserError('TF_CONFIG does not say that this is a ps; set "task": {"type": "ps", "index": 0}')
    if arguments.ends_with_stdin:
        orphans.end_with_stdin()
    serve(cluster)


if __name__ == "__main__":
    command.run(main)
