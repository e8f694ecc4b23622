"""Jobs in several processes: all of them done, errors raised here, nobody left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from todus import command
from todus.coco.records import workers
from todus.errors import UserError, WorldError
from todus.layout import CHECKOUT


def square(number: int) -> int:
    return number * number


def refuse(number: int) -> int:
    if number == 3:
        raise UserError(f"there is no {number}; take another")
    return number


def divide(number: int) -> float:
    return 1 / number


def end(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_every_job_is_done_once():
    done = dict(workers.run(square, range(20), 3))
    assert done == {number: number * number for number in range(20)}
    assert not multiprocessing.active_children()


def test_more_processes_than_jobs():
    assert dict(workers.run(square, [7], 3)) == {0: 49}
    assert dict(workers.run(square, [], 2)) == {}


def test_a_mistake_of_the_user_is_the_same_mistake_here():
    with pytest.raises(UserError, match="there is no 3; take another"):
        dict(workers.run(refuse, range(20), 2))
    assert not multiprocessing.active_children()


def test_a_bug_keeps_its_traceback():
    with pytest.raises(RuntimeError, match=r"in divide(.|\n)*ZeroDivisionError"):
        dict(workers.run(divide, [0], 1))


def test_says_so_when_a_worker_is_killed():
    with pytest.raises(WorldError, match="ended from outside"):
        dict(workers.run(end, [1], 2))
    assert not multiprocessing.active_children()


def test_leaving_the_loop_ends_the_workers():
    for _ in workers.run(sleep, [0, 1000, 1000], 2):
        break
    assert not multiprocessing.active_children()


PROGRAM = """
import sys
sys.path[:0] = {paths}
from coco.records import test_workers
from todus import command
from todus.coco.records import workers

def main():
    print("started", flush=True)
    for _ in workers.run(test_workers.sleep, {jobs}, 2):
        print("done", flush=True)

if __name__ == "__main__":
    command.run(main)
"""


@pytest.fixture
def program(tmp_path):
    """A function that starts a process whose two workers sleep for the seconds given, in a session of its own."""

    def start(jobs: list[float]) -> subprocess.Popen[str]:
        path = tmp_path / "program.py"
        path.write_text(PROGRAM.format(paths=[str(CHECKOUT / "python"), str(CHECKOUT / "tests")], jobs=jobs))
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, path], stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    return start


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    """Until it is heard: in the moment in which processes are started it is not."""
    while process.returncode is None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)


@pytest.mark.parametrize("wait", [0.02, 0.1, 0.6])
def test_ctrl_c_ends_the_workers_without_a_word_from_them(wait, program):
    """It goes to all processes of the terminal, some of which may only just have been started."""
    with program([1000, 1000]) as process:
        assert process.stdout.readline() == "started\n"
        time.sleep(wait)
        press_ctrl_c(process)
        errors = process.stderr.read()  # to its end: until all processes that could write there are gone
    assert errors == "todus: interrupted; run the same command again to go on\n"
    assert process.returncode == command.INTERRUPTED


def test_workers_end_when_their_process_is_killed(program):
    with program([0, 0, 1, 1]) as process:
        assert [process.stdout.readline() for _ in range(2)] == ["started\n", "done\n"]
        process.kill()
        assert process.stderr.read() == ""  # its end comes when all processes that could write there are gone
