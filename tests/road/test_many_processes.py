"""Training by several processes: which of them may be lost, and what happens then. All are real, on this machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from hosts import PATIENCE, TIED, hosts

from support import NAME, verb_environment
from todus import checkpoint, layout
from todus.bridge import pipeline as pipelines
from todus.bridge.graph_mode import tf

MORE = 5  # steps that show that training goes on


def saved_step(home: layout.Home) -> int:
    return checkpoint.step_of(checkpoint.newest(home.model(NAME).training))


def wait_until_saved(home: layout.Home, step: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while saved_step(home) < step:
        assert time.monotonic() < deadline, f"no checkpoint of step {step} or more"
        time.sleep(0.1)


def losses(said: str) -> list[float]:
    return [float(loss) for loss in re.findall(r"\bloss ([\d.]+)", said)]


@pytest.fixture
def homes(prepared: layout.Home, tmp_path: Path) -> dict[str, layout.Home]:
    """The trees of a chief and of a worker, who share no file."""
    return {job: layout.Home(shutil.copytree(prepared.folder, tmp_path / job)) for job in ("chief", "worker")}


def test_whoever_is_lost_comes_back_and_training_goes_on(homes, tmp_path):
    settings = {"STEPS": "100000", "BATCH_SIZE": "4", "SAVE_EVERY": "1s"}
    with hosts(tmp_path, homes, **settings) as all_hosts:
        chief, worker, server = all_hosts["chief"], all_hosts["worker"], all_hosts["ps"]
        for host in all_hosts.values():
            host.start()
        chief.trains()
        worker.trains()
        first_loss = losses(chief.said())[0]
        wait_until_saved(homes["chief"], MORE)

        worker.kill()
        wait_until_saved(homes["chief"], saved_step(homes["chief"]) + MORE)
        worker.start(BATCH_SIZE="3")
        assert worker.ended() == 2
        complaint = worker.said().strip().splitlines()[-1]
        assert complaint.startswith("todus: this worker does not train what the chief does")
        assert "there batch_size: 4, here batch_size: 3" in complaint
        worker.start().trains()

        chief.kill()
        kept = saved_step(homes["chief"])
        chief.start()
        held = int(chief.wait_for(r"still hold step (\d+); training goes on from there")[1])
        assert held > kept, "the worker went on meanwhile"
        chief.trains()
        wait_until_saved(homes["chief"], held + MORE)

        server.kill()
        server.start()
        restored = int(chief.wait_for(r"started again; training goes on from model\.ckpt-(\d+)")[1])
        assert restored > held
        wait_until_saved(homes["chief"], restored + MORE)

        assert chief.stop() == 0
        assert [worker.ended(), server.ended()] == [0, 0]
        assert "ended with the chief" in worker.said()
        assert "training is over" in server.said()
        assert losses(chief.said())[-1] < first_loss
        assert not any("Traceback" in host.log.read_text() for host in all_hosts.values())
    assert saved_step(homes["worker"]) == 0, "only the chief writes"
    newest = checkpoint.newest(homes["chief"].model(NAME).training)
    assert checkpoint.read(newest)["global_step"] == checkpoint.step_of(newest), "though the worker went on meanwhile"


def test_where_no_step_is_left_the_same_command_on_all_hosts_ends_them_all(homes, tmp_path):
    training = homes["chief"].model(NAME).training
    variables = checkpoint.read(checkpoint.at_step(training, 0))
    checkpoint.write(checkpoint.at_step(training, 7), {**variables, "global_step": np.int64(7)})
    with hosts(tmp_path, homes, STEPS="7", BATCH_SIZE="2") as all_hosts:
        for host in all_hosts.values():
            host.start()
        assert [host.ended() for host in all_hosts.values()] == [0, 0, 0]
        assert "model.ckpt-7 is already there: nothing to do" in all_hosts["chief"].said()
        assert "ended at step 7" in all_hosts["worker"].said() or "ended with the chief" in all_hosts["worker"].said()
        assert "training is over" in all_hosts["ps"].said()


def test_in_step_the_mean_gradient_of_all_makes_one_step_and_without_a_worker_training_saves_and_ends(homes):
    """With WORKERS, which starts the other processes itself."""
    home = homes["chief"]
    training = home.model(NAME).training
    chief = subprocess.Popen(
        [*TIED, layout.CHECKOUT / "scripts" / "train.sh"],
        env=verb_environment(home, STEPS="100000", BATCH_SIZE="2", WORKERS="2", SYNC="1", SAVE_EVERY="1s"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until_saved(home, MORE)
    [worker] = [child for child in children(chief.pid) if b"--model-dir" in command_line(child)]
    os.kill(worker, signal.SIGKILL)
    output, _ = chief.communicate(timeout=PATIENCE)
    assert chief.returncode == 1, output
    complaint = output.splitlines()[-1]
    assert complaint.startswith("todus: a process has ended with status -9 (its last words are in ")
    assert "worker-0.log), and SYNC=1 waits for every worker; run the same command to go on" in complaint
    assert "Traceback" not in output
    assert children(chief.pid) == []

    assert "first step after" in (training / "worker-0.log").read_text()
    last = checkpoint.read(checkpoint.newest(training))
    assert last["global_step"] == saved_step(home)
    # Adam's beta2^t counts the updates: one a step, though two processes had gradients.
    assert np.isclose(last["beta2_power"], 0.999 ** (saved_step(home) + 1), rtol=1e-4)


def test_each_worker_goes_through_the_images_in_an_order_of_its_own(prepared):
    pipeline = pipelines.load(prepared.model(NAME).pipeline)
    one, other = image_ids(pipeline), image_ids(pipeline)
    assert sorted(one) != one
    assert one != other


def image_ids(pipeline: pipelines.Pipeline) -> list[bytes]:
    """Of the first batches, as a process of its own would see them."""
    from object_detection import inputs

    reader = pipeline.train_input_reader
    reader.include_source_id = True
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = inputs.train_input(pipeline.train_config, reader, pipeline.model)
        iterator = tf.data.make_initializable_iterator(dataset)
        features, _ = iterator.get_next()
        session.run([iterator.initializer, tf.tables_initializer()])
        return [name for _ in range(3) for name in session.run(features["source_id"])]


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "--parent", str(pid)], capture_output=True, text=True, check=False)
    return [int(child) for child in found.stdout.split()]
