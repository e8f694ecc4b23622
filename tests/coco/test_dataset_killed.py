"""A build that is killed at any moment: the next run makes what an undisturbed one would have made."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

from coco.made import contents
from todus.layout import CHECKOUT, Home

KILLS = 10


def start(home: Home, url: str) -> subprocess.Popen:
    arguments = ["limited", "--categories", "person car bear", "--negatives", "0.5", "--coco-url", url]
    return subprocess.Popen(
        [sys.executable, "-m", "todus.coco.dataset", *arguments, "--home", str(home.folder)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "python")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run_to_its_end(home: Home, url: str) -> float:
    started = time.monotonic()
    process = start(home, url)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    return time.monotonic() - started


def test_killed_at_ten_moments_and_run_again(server, tmp_path):
    undisturbed = Home(tmp_path / "undisturbed")
    seconds = run_to_its_end(undisturbed, server.url)
    expected = contents(undisturbed.folder)
    dice = random.Random(2017)
    killed = 0
    home = Home(tmp_path / "killed")
    for _ in range(KILLS):
        process = start(home, server.url)
        try:
            process.wait(timeout=dice.uniform(0.3, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
        half_made = home.dataset("limited")
        assert half_made.manifest.exists() == half_made.folder.exists(), "half a dataset looks whole"
        shutil.rmtree(half_made.folder, ignore_errors=True)  # else nothing would be left to do
    assert killed >= KILLS // 2
    run_to_its_end(home, server.url)
    assert contents(home.folder) == expected, "no leftovers, and every byte the same"


def test_half_a_dataset_of_a_killed_run_goes(server, tmp_path):
    home = Home(tmp_path / "home")
    leftovers = home.dataset("limited").folder.parent / ".limited.unfinished"
    leftovers.mkdir(parents=True)
    (leftovers / "coco_train.record-00000-of-00100").write_bytes(b"half")
    run_to_its_end(home, server.url)
    assert not leftovers.exists()
