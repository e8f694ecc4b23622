"""Run a job with the real TensorFlow 1.15 and its tf.contrib.quantize: python3.7 in_tensorflow_1.py JOB.json RESULT

The job says what to do (see the functions below) and with which files; the result is an .npz or .json.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import sys
import types
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class Pretended(types.ModuleType):
    """A module of which any name can be taken: the API imports some that its detectors do not use."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Pretended(self.__name__ + "." + name)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("tensorflow_io", "official", "cv2"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = Pretended(spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Finder())

import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402
import tf_slim as slim  # noqa: E402
from tensorflow.contrib import quantize  # noqa: E402

import object_detection  # noqa: E402

sys.path.append(next(iter(object_detection.__path__)))  # its `nets`
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 (as short as can be)

import shared_graphs  # noqa: E402
from google.protobuf import text_format  # noqa: E402

from object_detection.builders import graph_rewriter_builder, model_builder  # noqa: E402
from object_detection.protos import pipeline_pb2  # noqa: E402
from object_detection.utils import config_util  # noqa: E402

tf.logging.set_verbosity(tf.logging.ERROR)


def small_steps(job):
    """Steps of the small network from given variables: the loss of each, the variables after the last."""
    given = np.load(job["given"])
    train_op, loss, output = shared_graphs.small_step(
        tf,
        slim,
        lambda: quantize.experimental_create_training_graph(tf.get_default_graph(), **job["options"]),
        given["images"],
        given["wanted"],
    )
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        _load(session, given)
        losses, outputs = [], []
        for _ in range(job["steps"]):
            _, at_step, said = session.run([train_op, loss, output])
            losses.append(at_step)
            outputs.append(said)
        after = session.run({each.op.name: each for each in tf.global_variables()})
    return {"losses": losses, "outputs": outputs, **after}


def _load(session, values):
    for variable in tf.global_variables():
        if variable.op.name in values:
            variable.load(values[variable.op.name], session)


def _pipeline(job):
    with open(job["pipeline"], encoding="utf-8") as file:  # noqa: PTH123
        return text_format.Parse(file.read(), pipeline_pb2.TrainEvalPipelineConfig())


def _training(job):
    given = np.load(job["given"])
    pipeline = _pipeline(job)
    count = len(given["images"])
    return shared_graphs.detector_step(
        tf,
        model_builder.build(pipeline.model, is_training=True),
        config_util.create_configs_from_pipeline_proto(pipeline),
        given["images"],
        [given[f"boxes_{i}"] for i in range(count)],
        [given[f"classes_{i}"] for i in range(count)],
    )


def lists(job):
    """Variables and FakeQuants of the graphs of a pipeline that train and that evaluate."""
    _training(job)
    training = [shared_graphs.variables(tf), shared_graphs.fake_quants(tf.get_default_graph())]
    with tf.Graph().as_default():
        _heads(job)
        return {
            "train": training,
            "evaluate": [shared_graphs.variables(tf), shared_graphs.fake_quants(tf.get_default_graph())],
        }


def _heads(job, rewrite=None):
    pipeline = _pipeline(job)
    images = tf.placeholder(tf.float32, np.load(job["given"])["images"].shape)
    model = model_builder.build(pipeline.model, is_training=False)
    pixels, shapes = model.preprocess(images)
    pixels.set_shape(images.shape)
    predictions = model.predict(pixels, shapes)
    (rewrite or graph_rewriter_builder.build(pipeline.graph_rewriter, is_training=False))()
    return images, predictions


def heads(job):
    """What the graph that evaluates says with a checkpoint, with given bits."""
    images, predictions = _heads(
        job, lambda: quantize.experimental_create_eval_graph(tf.get_default_graph(), **job["options"])
    )
    wanted = {name: predictions[name] for name in ("box_encodings", "class_predictions_with_background")}
    with tf.Session() as session:
        tf.train.Saver().restore(session, job["checkpoint"])
        return session.run(wanted, {images: np.load(job["given"])["images"].astype(np.float32)})


def exchange(job):
    """Restore every variable of the training graph from a checkpoint, train some steps, write another."""
    train_op, _, _ = _training(job)
    variables = {each.op.name: each for each in tf.global_variables()}
    saver = tf.train.Saver()
    with tf.Session() as session:
        saver.restore(session, job["checkpoint"])
        restored = session.run(variables)
        for _ in range(job["steps"]):
            session.run(train_op)
        saver.save(session, job["written"], write_meta_graph=False)
    return restored


def main():
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123
        job = json.load(file)
    result = {"small_steps": small_steps, "lists": lists, "heads": heads, "exchange": exchange}[job["what"]](job)
    if sys.argv[2].endswith(".json"):
        with open(sys.argv[2], "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(result, file)
    else:
        np.savez(sys.argv[2], **result)


if __name__ == "__main__":
    main()
