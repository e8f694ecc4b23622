"""One of the processes that train together: the chief or a worker, each with the whole graph, variables on the ps.

TensorFlow calls this between-graph replication. Each process computes gradients of its own batches and applies them
to the variables that all share: at once (asynchronously), or when those of all are there (synchronously).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from todus import checkpoint, progress
from todus.bridge import synchronous_optimizer
from todus.bridge.graph_mode import tf
from todus.errors import UserError
from todus.training.distributed import cluster_server, same_training
from todus.training.distributed.balance import SmallestLoad
from todus.training.distributed.cluster import SERVER, Cluster
from todus.training.distributed.release import released_when_asked_to_stop
from todus.training.signals import Stop

FAREWELL = 5000  # milliseconds that saying good-bye may take


@contextlib.contextmanager
def joined(
    cluster: Cluster, description: str, folder: Path, steps: int, sync: bool, gpu: str = ""
) -> Iterator[Replica]:
    """Take part in `cluster` meanwhile; a chief's end is the end of training for all.

    Args:
      description: of what is trained, the same in all processes (same_training.describe).
      folder: where a chief finds its checkpoints.
      steps: at which training ends.
      gpu: the only one to be used, by TensorFlow's number; all where it is empty.
    """
    replica = Replica(cluster, description, folder, steps, sync, gpu)
    try:
        if sync:
            with released_when_asked_to_stop(replica.release):
                yield replica
        else:
            yield replica
    finally:
        replica.leave()


class Replica:
    """The placement of a training loop (training/placement.py) that is one of several."""

    def __init__(self, cluster: Cluster, description: str, folder: Path, steps: int, sync: bool, gpu: str = ""):
        self.cluster, self.description, self.folder = cluster, description, folder
        self.steps, self.sync = steps, sync
        self.is_chief = cluster.is_chief
        self.batches_per_step = cluster.replicas if sync else 1
        self.gpus = tf.GPUOptions(visible_device_list=gpu)
        self.server = cluster_server.start(cluster, tf.ConfigProto(gpu_options=self.gpus))
        self.session: tf.Session | None = None  # once it has taken part, the one that it does so with
        self.is_over = False  # training, as the chief has said, or as this process has seen by itself
        self.first_step = checkpoint.step_of(checkpoint.newest(folder) or Path()) if self.is_chief else 0

    @contextlib.contextmanager
    def devices(self) -> Iterator[None]:
        """Variables go to the parameter servers, everything else stays in this process."""
        placed = tf.train.replica_device_setter(
            cluster=self.cluster.jobs,
            worker_device=f"/job:{self.cluster.job}/task:{self.cluster.index}",
            ps_strategy=SmallestLoad(len(self.cluster.servers)),
        )
        synchronous = synchronous_optimizer.synchronous(self.cluster.replicas, self.is_chief) if self.sync else None
        with tf.device(placed), synchronous or contextlib.nullcontext() as optimizers:
            yield
            self._add_operations(optimizers[0] if optimizers else None)

    def _add_operations(self, optimizer: synchronous_optimizer.SynchronousOptimizer | None) -> None:
        self.missing = tf.report_uninitialized_variables(tf.global_variables())
        self.missing.mark_used()  # or TensorFlow complains where training ends before anyone has asked
        self.shared = same_training.SharedDescription()
        boards = [cluster_server.queues(index) for index in range(len(self.cluster.servers))]
        self.over = boards[0][0].size()
        self.say_over = tf.group(*[over.enqueue(True) for over, _ in boards])
        self.say_left = tf.group(*[left.enqueue(True) for _, left in boards])
        self.begin_synchronous = optimizer.init_op() if optimizer else tf.no_op()
        self.release_step = optimizer.release_op() if optimizer else tf.no_op()
        self.give_token = optimizer.give_token if optimizer else tf.no_op()

    def session_creator(
        self, scaffold: tf.train.Scaffold, config: tf.ConfigProto, stop: Stop
    ) -> tf.train.SessionCreator:
        return SessionCreator(self, scaffold, self.session_config(config), stop)

    def session_config(self, config: tf.ConfigProto) -> tf.ConfigProto:
        """`config`, with this process depending on the parameter servers only: others come and go."""
        own = tf.ConfigProto()
        own.CopyFrom(config)
        own.gpu_options.MergeFrom(self.gpus)
        own.device_filters[:] = [f"/job:{SERVER}", f"/job:{self.cluster.job}/task:{self.cluster.index}"]
        return own

    def hooks(self) -> Sequence[tf.train.SessionRunHook]:
        return () if self.is_chief else (_EndsWithTheChief(self),)

    def release(self) -> None:
        """End a step that waits for a replica that has gone. Called from another thread."""
        if self.session:
            for _ in range(self.cluster.replicas if self.is_chief else 1):
                self.session.run(self.release_step)

    def leave(self) -> None:
        """Tell the parameter servers, and through them the others, that this process has ended for good."""
        ends = self.is_chief or self.is_over
        if not self.session or not ends or not all(map(cluster_server.is_reachable, self.cluster.servers)):
            return
        config = self.session_config(tf.ConfigProto(operation_timeout_in_ms=FAREWELL))
        with (
            contextlib.suppress(tf.errors.OpError),
            tf.Session(self.server.target, self.missing.graph, config) as session,
        ):
            if self.is_chief:
                session.run(self.say_over)
                self.give_tokens(session)
            session.run(self.say_left)

    def give_tokens(self, session: tf.Session) -> None:
        """Let every worker that waits for the others go on."""
        for _ in self.cluster.workers:
            session.run(self.give_token)


class SessionCreator(tf.train.SessionCreator):
    """Makes the session of a replica, and makes it again when a parameter server was gone."""

    def __init__(self, replica: Replica, scaffold: tf.train.Scaffold, config: tf.ConfigProto, stop: Stop):
        self.replica, self.scaffold, self.config, self.stop = replica, scaffold, config, stop

    def create_session(self) -> tf.Session:
        """Wait for the parameter servers, and as a worker for the chief.

        Raises:
          KeyboardInterrupt: it was asked to stop meanwhile.
          UserError: the others train something else.
        """
        replica = self.replica
        self.scaffold.finalize()
        cluster_server.wait_until_reachable(replica.cluster.servers, self.stop)
        session = tf.Session(replica.server.target, replica.missing.graph, self.config)
        if replica.session is None:
            cluster_server.wait_until(
                lambda: not session.run(replica.over) or self._comes_too_late(session), "the last run to end", self.stop
            )
        if replica.is_chief:
            self._initialise(session)
        else:
            self._wait_for_the_chief(session)
        session.run(self.scaffold.local_init_op)
        session.run(replica.begin_synchronous)
        replica.session = session
        return session

    def _comes_too_late(self, session: tf.Session) -> bool:
        """Whether this is a worker of the very run that is over, and all its steps are done."""
        replica = self.replica
        if replica.is_chief or self._description_if_restored(session) != replica.description:
            return False
        return session.run(tf.train.get_global_step(replica.missing.graph)) >= replica.steps

    def _initialise(self, session: tf.Session) -> None:
        """Restore the variables, unless the parameter servers still hold them from before a crash of the chief."""
        replica = self.replica
        if self._are_there(session):
            step = session.run(tf.train.get_global_step(replica.missing.graph))
            if step >= replica.first_step:
                progress.say(f"the parameter servers still hold step {step}; training goes on from there")
                replica.give_tokens(session)  # workers may wait for an update that the crash has cut off
                return
        replica.shared.clear(session)  # until all is restored, or a worker could begin with what is not
        session.run(self.scaffold.init_op)
        self._restore(session)
        replica.shared.set(session, replica.description)

    def _are_there(self, session: tf.Session) -> bool:
        replica = self.replica
        theirs = replica.shared.get(session)
        if theirs and theirs != replica.description:
            how = same_training.difference(theirs, replica.description)
            raise UserError(
                f"the parameter servers are at work on another training ({how}); end the processes of all hosts, then "
                "start them again"
            )
        return bool(theirs) and not session.run(replica.missing).size

    def _restore(self, session: tf.Session) -> None:
        """From the newest checkpoint; at the start of the run, that is what the loop was told to start with."""
        newest = checkpoint.newest_intact(self.replica.folder) if self.replica.session else None
        if newest and checkpoint.step_of(newest) > self.replica.first_step:
            progress.say(f"the parameter servers were started again; training goes on from {newest.name}")
            self.scaffold.saver.restore(session, str(newest))
        else:
            self.scaffold.init_fn(session)

    def _wait_for_the_chief(self, session: tf.Session) -> None:
        """First for the description: if the chief trains another model, the variables of this one never come."""
        self._wait_for_the_same(lambda: self.replica.shared.get(session))
        self._wait_for_the_same(lambda: self._description_if_restored(session))

    def _wait_for_the_same(self, description: Callable[[], str]) -> None:
        chief = f"the chief at {self.replica.cluster.chief} to initialise"
        same_training.require(cluster_server.wait_until(description, chief, self.stop), self.replica.description)

    def _description_if_restored(self, session: tf.Session) -> str:
        """The chief's, which it takes away before it initialises and gives again once all is restored; else empty.

        Asked for last: a parameter server that was started again has no variables yet, whatever another one says.
        """
        return "" if session.run(self.replica.missing).size else self.replica.shared.get(session)


class _EndsWithTheChief(tf.train.SessionRunHook):
    """Has a worker stop when the chief has said that training is over."""

    def __init__(self, replica: Replica):
        self.replica = replica

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        return tf.train.SessionRunArgs(self.replica.over)

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: tf.train.SessionRunValues) -> None:
        if run_values.results:
            self.replica.is_over = True
            run_context.request_stop()
