"""On which machines and processes a training takes place, and what a worker does of it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from todus import checkpoint, progress
from todus.bridge.pipeline import Pipeline
from todus.coco import label_map
from todus.errors import UserError
from todus.layout import Model
from todus.training.distributed import orphans
from todus.training.distributed.cluster import Cluster
from todus.training.options import Options

if TYPE_CHECKING:
    from todus.training.placement import Placement
    from todus.training.plan import Settings


@contextlib.contextmanager
def placed(model: Model, pipeline: Pipeline, wanted: Options, cluster: Cluster | None) -> Iterator[Placement]:
    """Where to train meanwhile: in this process, as one of `cluster`, or as the chief of several processes here.

    Raises:
      UserError: SYNC or WORKERS is asked for where it means nothing, or more workers than there are GPUs.
    """
    from todus.training.distributed import local_cluster, replica, same_training
    from todus.training.placement import Here

    description = same_training.describe(pipeline, label_map.read(model.label_map), wanted.sync)
    steps = pipeline.train_config.num_steps
    if cluster:
        with replica.joined(cluster, description, model.training, steps, wanted.sync) as placement:
            yield placement
        return
    gpus = _gpus()
    workers = wanted.workers or max(1, gpus)
    if workers > 1:
        with (
            local_cluster.started(workers, gpus, sys.argv[1:], model.training, wanted.sync) as cluster,
            replica.joined(cluster, description, model.training, steps, wanted.sync, "0" if gpus else "") as placement,
        ):
            yield placement
    else:
        _require_no_sync(wanted)
        yield Here()


def work(model: Model, pipeline: Pipeline, settings: Settings, wanted: Options, cluster: Cluster) -> None:
    """Train as a worker of `cluster` until the chief ends it. Nothing is written.

    Raises:
      UserError: the chief trains something else.
    """
    from todus.training import loop

    if wanted.ends_with_stdin:
        orphans.end_with_stdin()
    progress.say(f"{cluster.task} of {cluster.replicas} processes that train {model.name} together")
    started = time.monotonic()
    start = checkpoint.in_order(model.training)[0]  # for the shapes only: the chief restores
    with placed(model, pipeline, wanted, cluster) as placement:
        outcome = loop.run(pipeline, model.training, start, settings, placement=placement)
        why = f"by {outcome.stopped_by} " if outcome.stopped_by else "with the chief " if placement.is_over else ""
        placement.is_over |= outcome.step >= settings.steps  # all is done, though the chief has yet to see it
    progress.say(f"ended {why}at step {outcome.step}, after {progress.human_time(time.monotonic() - started)}")


def dismiss(model: Model, pipeline: Pipeline, settings: Settings, wanted: Options, cluster: Cluster) -> None:
    """Take part as the chief where no step is left, so that workers and ps, which wait for it, end."""
    from todus.training import loop

    progress.say("the other hosts are told, should they wait; Ctrl-C if none of them runs")
    start = checkpoint.newest(model.training)
    with placed(model, pipeline, wanted, cluster) as placement:
        loop.run(pipeline, model.training, start, settings, placement=placement)


def require_possible(wanted: Options, cluster: Cluster | None) -> None:
    """Raises UserError if options contradict each other."""
    if cluster and wanted.workers and wanted.workers > 1:
        raise UserError("TF_CONFIG and WORKERS are both given; WORKERS is for one machine without TF_CONFIG")
    if wanted.background and cluster and not cluster.is_chief:
        raise UserError(f"BACKGROUND=1 is for the chief; start {cluster.task} with nohup make train &")


def _require_no_sync(wanted: Options) -> None:
    if wanted.sync:
        raise UserError("SYNC=1 has nothing to wait for in one process; give TF_CONFIG or WORKERS, or leave it out")


def _gpus() -> int:
    from todus.bridge.graph_mode import tf

    return len(tf.config.experimental.list_physical_devices("GPU"))
