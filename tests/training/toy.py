"""A training of two variables that saves as the real one does, for what can happen to its checkpoints.

As a program: `python toy.py FOLDER` goes on from the newest checkpoint that is intact and saves every second step until
it is killed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from todus import checkpoint
from todus.bridge.graph_mode import tf
from todus.training.checkpoint_writer import CheckpointWriter

SIZE = 400_000  # floats: 1.6 MB, enough to be caught while it is written


class Toy:
    """`step()` adds 1 to the step and to every weight; `save()` writes a checkpoint of it."""

    def __init__(self, folder: Path, kept: int, session: tf.Session):
        self.folder, self.session = folder, session
        self.step_variable = tf.train.get_or_create_global_step()
        self.weights = tf.get_variable("weights", initializer=tf.zeros([SIZE]))
        self.writer = CheckpointWriter(folder, kept)
        self._step = tf.group(self.step_variable.assign_add(1), self.weights.assign_add(tf.ones([SIZE])))
        session.run(tf.global_variables_initializer())

    def step(self) -> int:
        self.session.run(self._step)
        return int(self.session.run(self.step_variable))

    def save(self, **settings: bool) -> Path:
        return self.writer.save(self.session, int(self.session.run(self.step_variable)), **settings)

    def steps(self, count: int) -> Toy:
        """Train and save after each step."""
        for _ in range(count):
            self.step()
            self.save()
        return self


@contextmanager
def toy(folder: Path, kept: int = 3) -> Iterator[Toy]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield Toy(folder, kept, session)


def main() -> None:
    folder = Path(sys.argv[1])
    with toy(folder) as training:
        training.writer.tidy()
        start = checkpoint.newest_intact(folder)
        training.writer.saver.restore(training.session, str(start))
        print(f"from {start.name}", flush=True)
        while True:
            if training.step() % 2 == 0:
                print(training.save().name, flush=True)


if __name__ == "__main__":
    main()
