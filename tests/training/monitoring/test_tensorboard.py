"""make tensorboard: it serves what training wrote, says where, and ends when told."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from support import failed_in_one_line, verb_environment
from todus import files, layout
from todus.bridge.graph_mode import tf

NAME = "ssd"


@pytest.fixture
def home(tmp_path: Path) -> layout.Home:
    """A model that looks prepared and has one scalar in training/."""
    home = layout.Home(tmp_path)
    model = home.model(NAME)
    for path in (model.pipeline, model.label_map, *(model.training / f"model.ckpt-0.{p}" for p in PARTS)):
        files.write_text(path, "")
    with tf.summary.FileWriter(str(model.training)) as events:
        value = tf.Summary.Value(tag="validation/AP", simple_value=0.25)
        events.add_summary(tf.Summary(value=[value]), 300)
    return home


PARTS = ("index", "data-00000-of-00001")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def serve(home: layout.Home, port: int) -> subprocess.Popen:
    return subprocess.Popen(
        [layout.CHECKOUT / "scripts" / "tensorboard.sh"],
        env=verb_environment(home, PORT=str(port)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fetched(url: str) -> object:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)


def test_it_serves_the_scalars_of_training_until_it_is_ended(home: layout.Home) -> None:
    port = free_port()
    process = serve(home, port)
    try:
        assert process.stdout.readline() == f"TensorBoard of {NAME}: http://localhost:{port}/ (Ctrl-C ends it)\n"
        assert fetched(f"http://localhost:{port}/data/environment")["data_location"] == str(home.model(NAME).training)
        deadline = time.monotonic() + 60
        while not (tags := fetched(f"http://localhost:{port}/data/plugin/scalars/tags")):  # it reads in its own time
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert "validation/AP" in tags["."]
        (point,) = fetched(f"http://localhost:{port}/data/plugin/scalars/scalars?run=.&tag=validation/AP")
        assert point[1:] == [300, 0.25]
    finally:
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (0, "")


def test_a_port_that_is_taken_is_a_mistake_in_one_line(home: layout.Home) -> None:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        listener.listen()
        port = listener.getsockname()[1]
        process = serve(home, port)
        said, complaint = process.communicate(timeout=60)
    ended = subprocess.CompletedProcess(process.args, process.returncode, said, complaint)
    assert failed_in_one_line(ended, f"port {port} is taken", "set PORT")


@pytest.mark.parametrize("port", ["0", "65536", "web"])
def test_what_is_no_port_is_refused(port: str) -> None:
    code = ["-m", "todus.training.monitoring.tensorboard", "--model-dir", "x", "--port", port]
    environment = {"PYTHONPATH": str(layout.CHECKOUT / "python"), "PATH": ""}
    ended = subprocess.run([sys.executable, *code], env=environment, capture_output=True, text=True, check=False)
    assert failed_in_one_line(ended, "PORT", repr(port))
