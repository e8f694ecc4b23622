"""The jobs that `make bench-train` times: each is one whole process, ours or the one it is compared with.

    python -m todus.bench.training_jobs steps plain|todus RECORDS [--steps 30]
    python -m todus.bench.training_jobs profile plain|todus RECORDS
    python -m todus.bench.training_jobs difference RECORDS

Each takes --size and --width of the model, for a try in a hurry.

`plain` is the graph as the Object Detection API builds it, in a session with default settings; `todus` is what
`make train` runs. Both read the record files that fit the pattern RECORDS, and both ask for the loss with each step.
The last line printed is JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from todus import command, layout
from todus.bridge import pipeline as pipelines
from todus.bridge import training_graph
from todus.bridge.graph_mode import tf
from todus.bridge.training_graph import TrainingGraph
from todus.demo import little_zoo
from todus.training import session_config

SIDES = ("plain", "todus")
SIZE, BATCH = 300, 8
WARM_UP = 6  # steps: TensorFlow optimises the graph in the first one, memory and input settle in the next
STEPS = 30
PROFILED = 5  # steps
# How the zoo trained ssd_mobilenet_v1_coco.
TRAIN_CONFIG = """
    data_augmentation_options { random_horizontal_flip {} }
    data_augmentation_options { ssd_random_crop {} }
    optimizer {
      rms_prop_optimizer {
        learning_rate { exponential_decay_learning_rate { initial_learning_rate: 0.004 } }
        momentum_optimizer_value: 0.9
        decay: 0.9
        epsilon: 1.0
      }
    }
"""


def ssd_mobilenet_v1(records: str, size: int = SIZE, width: float = 1.0, batch: int = BATCH) -> pipelines.Pipeline:
    """The zoo's ssd_mobilenet_v1_coco, 90 classes: that of the demo in its full size and width."""
    pipeline = pipelines.parse(little_zoo.PIPELINE.read_text(encoding="utf-8"))
    resizer = pipeline.model.ssd.image_resizer.fixed_shape_resizer
    resizer.height = resizer.width = size
    pipeline.model.ssd.feature_extractor.depth_multiplier = width
    pipeline.model.ssd.feature_extractor.min_depth = 16
    whole = pipelines.parse(f"train_config {{ batch_size: {batch} {TRAIN_CONFIG} }}")
    pipeline.train_config.CopyFrom(whole.train_config)
    pipeline.train_input_reader.label_map_path = str(layout.COCO_LABEL_MAP)
    pipeline.train_input_reader.tf_record_input_reader.input_path[:] = [records]
    return pipeline


def steps(side: str, pipeline: pipelines.Pipeline, count: int) -> dict[str, float]:
    """The median seconds of a step, and the processor seconds of one, those of the input pipeline included."""
    with training(side, pipeline) as (session, graph):
        for _ in range(WARM_UP):
            session.run([graph.train_op, graph.loss])
        taken, computed = [], _processor_seconds()
        for _ in range(count):
            started = time.perf_counter()
            session.run([graph.train_op, graph.loss])
            taken.append(time.perf_counter() - started)
        computed = (_processor_seconds() - computed) / count
    return {"seconds": statistics.median(taken), "processor_seconds": computed}


def profile(side: str, pipeline: pipelines.Pipeline) -> dict[str, list[float]]:
    """By type of operation: how many a step runs, and the milliseconds they take together; some run side by side."""
    microseconds: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    with training(side, pipeline) as (session, graph):
        for _ in range(WARM_UP):
            session.run([graph.train_op, graph.loss])
        for _ in range(PROFILED):
            told = tf.RunMetadata()
            trace = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
            session.run([graph.train_op, graph.loss], options=trace, run_metadata=told)
            for node in (node for device in told.step_stats.dev_stats for node in device.node_stats):
                operation = _operation(node.timeline_label)
                microseconds[operation] += node.all_end_rel_micros
                runs[operation] += 1
    return {name: [runs[name] / PROFILED, total / 1e3 / PROFILED] for name, total in microseconds.most_common()}


def _operation(label: str) -> str:
    """`name = Conv2D(inputs)` -> `Conv2D`, with oneDNN's mark left out."""
    return label.partition(" = ")[2].partition("(")[0].removeprefix("_MklNative").removeprefix("_Mkl") or "others"


def difference(pipeline: pipelines.Pipeline) -> dict[str, float]:
    """How far the sides are from each other on the same batch with the same weights: the relative difference of the
    loss, and of the gradient by the variable where that is greatest."""
    loss, gradients = _loss_and_gradients("plain", pipeline)
    our_loss, our_gradients = _loss_and_gradients("todus", pipeline)
    scale = {name: np.linalg.norm(value) for name, value in gradients.items()}
    # Variables before a batch norm have no gradient at all but for rounding: what is next to nothing is left out.
    least = 1e-5 * max(scale.values())
    apart = [
        float(np.linalg.norm(our_gradients[name] - value) / scale[name])
        for name, value in gradients.items()
        if scale[name] > least
    ]
    return {"loss": float(abs(our_loss - loss) / abs(loss)), "gradient": max(apart)}


def _loss_and_gradients(side: str, pipeline: pipelines.Pipeline) -> tuple[float, dict[str, np.ndarray]]:
    with training(side, unchanging(pipeline)) as (session, graph):
        variables = tf.trainable_variables()
        random = np.random.default_rng(1)
        drawn = {variable.initializer.inputs[1]: _drawn(variable, random) for variable in variables}
        session.run([variable.initializer for variable in variables], drawn)
        gradients = zip(variables, tf.gradients(graph.loss, variables), strict=True)
        named = {variable.op.name: gradient for variable, gradient in gradients if gradient is not None}
        return session.run([graph.loss, named])


def _drawn(variable: tf.Variable, random: np.random.Generator) -> np.ndarray:
    """Weights under which the signal neither dies away nor explodes."""
    shape = variable.shape.as_list()
    spread = np.sqrt(2 / max(1, np.prod(shape[:-1]))) if len(shape) > 1 else 0.3
    return random.normal(float(variable.op.name.endswith("gamma")), spread, shape).astype(np.float32)


def unchanging(pipeline: pipelines.Pipeline) -> pipelines.Pipeline:
    """`pipeline` with the same batches each time: in the order of the records, nothing done to the images."""
    still = pipelines.copy(pipeline)
    del still.train_config.data_augmentation_options[:]
    still.train_input_reader.shuffle = False
    still.train_input_reader.num_readers = 1
    return still


@contextmanager
def training(side: str, pipeline: pipelines.Pipeline) -> Iterator[tuple[tf.Session, TrainingGraph]]:
    """A session in which the training graph is ready to run."""
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        graph = training_graph.build(pipeline, faster=side == "todus")
        config = session_config.make() if side == "todus" else tf.ConfigProto()
        with tf.Session(config=config) as session:
            session.run([tf.global_variables_initializer(), tf.tables_initializer()])
            yield session, graph


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    given = parse_arguments()
    pipeline = ssd_mobilenet_v1(given.records, given.size, given.width)
    if given.job == "steps":
        told = steps(given.side, pipeline, given.steps)
    elif given.job == "profile":
        told = profile(given.side, pipeline)
    else:
        told = difference(pipeline)
    print(json.dumps(told))


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    jobs = parser.add_subparsers(required=True, metavar="JOB", dest="job")
    for name in ("steps", "profile", "difference"):
        job = jobs.add_parser(name)
        if name != "difference":
            job.add_argument("side", choices=SIDES)
        job.add_argument("records", metavar="RECORDS")
        job.add_argument("--size", type=command.positive(int), default=SIZE, help="pixels (%(default)s)")
        job.add_argument("--width", type=command.positive(float), default=1.0, help="depth multiplier (%(default)s)")
        if name == "steps":
            job.add_argument("--steps", type=command.positive(int), default=STEPS)
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
