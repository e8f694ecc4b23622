"""An optimizer of the API that waits for all replicas: three servers on the loopback interface, two of which train."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf
from todus.bridge.synchronous_optimizer import SynchronousOptimizer, synchronous
from todus.training.distributed import free_ports

OPTIMIZER = """
train_config {
  optimizer {
    momentum_optimizer {
      learning_rate { constant_learning_rate { learning_rate: 0.5 } }
      momentum_optimizer_value: 0.0
    }
    moving_average_decay: 0.5
  }
}
"""
GRADIENTS = {"chief": 1.0, "worker": 3.0}  # of the one variable, which begins at 10


@dataclass
class Replica:
    session: tf.Session
    step: tf.Operation
    values: tuple[tf.Tensor, ...]  # the variable, its average, the global step
    optimizer: SynchronousOptimizer
    release: tf.Operation

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.session.run, args=(self.step,), daemon=True)
        thread.start()
        return thread


@pytest.fixture
def replicas() -> Iterator[dict[str, Replica]]:
    cluster = {job: [address] for job, address in zip(("ps", "chief", "worker"), free_ports.addresses(3), strict=True)}
    servers = {job: tf.train.Server(cluster, job_name=job, task_index=0) for job in cluster}
    made = {job: _replica(cluster, job, servers[job].target) for job in GRADIENTS}
    yield made
    for replica in made.values():
        replica.session.close()


def _replica(cluster: dict, job: str, target: str) -> Replica:
    from object_detection.builders import optimizer_builder

    config = pipelines.parse(OPTIMIZER).train_config.optimizer
    device = tf.train.replica_device_setter(cluster=cluster, worker_device=f"/job:{job}/task:0")
    with tf.Graph().as_default() as graph, tf.device(device), synchronous(2, job == "chief") as built:
        variable = tf.get_variable("weight", [], initializer=tf.constant_initializer(10.0))
        global_step = tf.train.get_or_create_global_step()
        optimizer, _ = optimizer_builder.build(config)
        step = optimizer.apply_gradients([(tf.constant(GRADIENTS[job]), variable)], global_step)
        assert built == [optimizer]
        [average] = [other for other in tf.global_variables() if other.op.name.endswith("ExponentialMovingAverage")]
        release = optimizer.release_op()
        initialise = tf.global_variables_initializer()
    session = tf.Session(target, graph)
    if job == "chief":
        session.run(initialise)
    session.run(optimizer.init_op())
    return Replica(session, step, (variable, average, global_step), optimizer, release)


def test_a_step_is_the_mean_of_all_gradients(replicas):
    for number, expected in enumerate([(9.0, 9.5), (8.0, 8.75)], start=1):
        threads = [replica.start() for replica in replicas.values()]
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
        for replica in replicas.values():
            assert replica.session.run(replica.values) == (*expected, number)


def test_who_waits_for_a_replica_that_has_gone_can_be_released(replicas):
    chief = replicas["chief"]
    thread = chief.start()
    thread.join(0.5)
    assert thread.is_alive(), "else there is nothing to release"
    chief.session.run(chief.release)
    thread.join(60)
    assert not thread.is_alive()
    assert chief.session.run(chief.values[0]) == 9.75, "zeros stand for the gradients of the other"
