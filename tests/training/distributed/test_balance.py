"""Which parameter server holds which variable."""

from __future__ import annotations

from todus.bridge.graph_mode import tf
from todus.training.distributed.balance import SmallestLoad

CLUSTER = {"ps": ["a:1", "b:1"], "chief": ["c:1"], "worker": ["d:1"]}


def placed(job: str) -> dict[str, str]:
    """The device of each variable and of its momentum, in a process of `job`."""
    setter = tf.train.replica_device_setter(
        cluster=CLUSTER, worker_device=f"/job:{job}/task:0", ps_strategy=SmallestLoad(2)
    )
    with tf.Graph().as_default(), tf.device(setter):
        variables = [tf.get_variable(name, [size]) for name, size in (("large", 90), ("small", 9), ("medium", 50))]
        loss = tf.add_n([tf.reduce_sum(variable) for variable in variables])
        tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
        assert loss.device == f"/job:{job}/task:0"
        return {variable.op.name: variable.device for variable in tf.global_variables()}


def test_a_large_variable_is_balanced_by_the_smaller_ones():
    devices = placed("chief")
    assert devices["large"] == "/job:ps/task:0"
    assert devices["small"] == devices["medium"] == "/job:ps/task:1"


def test_what_the_optimizer_keeps_of_a_variable_is_with_it():
    devices = placed("chief")
    for name in ("large", "small", "medium"):
        assert devices[f"{name}/Momentum"] == devices[name]


def test_all_processes_agree():
    assert placed("chief") == placed("worker")
