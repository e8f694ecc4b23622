"""What TensorFlow 2.21 no longer has and the Object Detection API's TensorFlow 1 code path still wants.

The only module of Todus that reaches into other people's modules; every shim says why it is needed and when it can
go. Measured with tensorflow 2.21, tf_slim 1.1.0, tf_keras 2.21 and tf-models-research-object-detection 2.8.0.post1.
"""

from __future__ import annotations

import collections
import importlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

_installed = False

# MnasFPN logs each of its layers as an error. Can go when it does not.
_CHATTERS = "ssd_mobilenet_v2_mnasfpn_feature_extractor.py"


def install() -> None:
    """Prepare TensorFlow for the API. Must run before the API is imported; may be called again at no cost."""
    global _installed
    if _installed:
        return
    _prefer_legacy_keras()
    _import_tensorflow()
    _restore_numpy_names()
    _turn_off_version_2_behaviour()
    _alias_legacy_keras_layers()
    _provide_estimator()
    _restore_names_for_slim()
    _provide_contrib()
    _provide_graph_transforms()
    _disable_graph_profile()
    _installed = True


def _prefer_legacy_keras() -> None:
    """The API builds on Keras 2; TensorFlow >= 2.16 gives Keras 3 unless told otherwise before it is imported.
    Can go when the API runs on Keras 3, that is, never."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def _import_tensorflow() -> None:
    """TensorFlow tells at every start which CPU and GPU libraries it found: no message of ours, nor of use to the
    user, and TF_CPP_MIN_LOG_LEVEL no longer silences the lines that are written while it is loaded."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _without_start_up_chatter():
        import tensorflow.compat.v1 as tf
    tf.logging.set_verbosity(tf.logging.ERROR)
    for call in ("layer.apply", "tf.layers.flatten", "tf.keras.backend.set_learning_phase"):
        warnings.filterwarnings("ignore", message=f"`{call}` is deprecated")  # made by the API; no user can act on them
    logging.getLogger("tensorflow").addFilter(lambda record: not record.pathname.endswith(_CHATTERS))


@contextmanager
def _without_start_up_chatter() -> Iterator[None]:
    """Hold back what is written to the standard error descriptor and give it out again without the info lines."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            held_back.seek(0)
            for line in held_back:
                if not line.startswith((b"I0000", b"WARNING: All log messages before absl::InitializeLog()")):
                    os.write(2, line)


def _restore_numpy_names() -> None:
    """The API writes np.int and np.float, which NumPy 1.24 removed. Can go when it writes int and float."""
    import numpy

    for name, builtin in (("int", int), ("float", float), ("bool", bool), ("object", object)):
        if name not in vars(numpy):
            setattr(numpy, name, builtin)


def _turn_off_version_2_behaviour() -> None:
    """With it off, the API takes itself to run on TensorFlow 1, registers its TensorFlow 1 feature extractors, and
    does not import `official` and `tensorflow_io`, which cannot be had. Can go together with the TF1 models."""
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()


def _alias_legacy_keras_layers() -> None:
    """tf.layers looks for tf_keras.legacy_tf_layers, which the wheel keeps under tf_keras.src.
    Can go when tf_keras exports it again."""
    for module in ("", ".base", ".convolutional", ".core", ".normalization", ".pooling"):
        name = f"tf_keras.legacy_tf_layers{module}"
        sys.modules[name] = importlib.import_module(f"tf_keras.src.legacy_tf_layers{module}")


EstimatorSpec = collections.namedtuple(
    "EstimatorSpec",
    "mode predictions loss train_op eval_metric_ops export_outputs training_chief_hooks training_hooks scaffold "
    "evaluation_hooks prediction_hooks",
    defaults=(None,) * 10,
)


class ModeKeys:
    """The values of tf.estimator.ModeKeys."""

    TRAIN, EVAL, PREDICT = "train", "eval", "infer"


def _provide_estimator() -> None:
    """tf.estimator left TensorFlow in 2.16, and its last wheel does not import on 2.21. The API needs its records of
    names and tensors, not its loop: ours is in todus/training. Can go when the API does without tf.estimator."""
    import tensorflow.compat.v1 as tf

    export = _module(
        "tensorflow.compat.v1.estimator.export",
        ServingInputReceiver=collections.namedtuple("ServingInputReceiver", "features receiver_tensors"),
        PredictOutput=collections.namedtuple("PredictOutput", "outputs"),
    )
    estimator = _module("tensorflow.compat.v1.estimator", ModeKeys=ModeKeys, EstimatorSpec=EstimatorSpec, export=export)
    tf.estimator = estimator
    vars(tf)["estimator"] = estimator  # `tf` is a lazy wrapper: `from tensorflow.compat.v1 import estimator` looks here


def _restore_names_for_slim() -> None:
    """tf_slim 1.1.0 takes these from private TensorFlow modules that have since been split up.
    Can go with a tf_slim that takes them from the public ones."""
    import tensorflow.compat.v1 as tf
    from tensorflow.python.framework import indexed_slices, ops, tensor
    from tensorflow.python.ops import array_ops, control_flow_ops, variable_scope

    def variable(initial_value: object = None, **keywords: object) -> tf.Variable:
        supported = ("trainable", "collections", "validate_shape", "caching_device", "name", "dtype", "use_resource")
        return tf.Variable(initial_value, **{name: keywords[name] for name in supported if name in keywords})

    _put_back(ops, IndexedSlices=indexed_slices.IndexedSlices, Tensor=tensor.Tensor)
    _put_back(array_ops, stack=tf.stack, unstack=tf.unstack)
    _put_back(control_flow_ops, Assert=tf.debugging.Assert, case=tf.case, cond=tf.cond, while_loop=tf.while_loop)
    _put_back(variable_scope, variable=variable)


class Settings(SimpleNamespace):
    """What nets/nasnet uses of tf.contrib.training.HParams."""

    def set_hparam(self, name: str, value: object) -> None:
        setattr(self, name, value)


def _provide_contrib() -> None:
    """tf.contrib is gone; the API imports three things of it without a way round: the optimizer that averages (used),
    NASNet's record of settings (used), and the bipartite matcher's module (imported, but called by no zoo model: none
    is given, so a pipeline that asks for it fails at that name). Two more it does without until a pipeline asks for
    fake quantization, or an FPN is exported: the rewriter of graphs, and the matcher of patterns (which it looks for
    only where it finds tfprof). Can go when the API drops its tf.contrib imports."""
    from todus.bridge.moving_average import MovingAverageOptimizer

    opt = _module("tensorflow.contrib.opt", MovingAverageOptimizer=MovingAverageOptimizer)
    image_ops = _module("tensorflow.contrib.image.python.ops.image_ops")
    _package("tensorflow.contrib.image.python.ops", image_ops=image_ops)
    _package("tensorflow.contrib.image.python")
    _package("tensorflow.contrib.image")
    training = _module("tensorflow.contrib.training", HParams=Settings)
    tfprof = _module("tensorflow.contrib.tfprof")
    _package("tensorflow.contrib", opt=opt, training=training, tfprof=tfprof, quantize=_quantize())


def _quantize() -> ModuleType:
    """What the API calls of tf.contrib.quantize. Its work is done in a later room, whose modules want TensorFlow from
    here: they can be imported only when they are called."""
    import tensorflow.compat.v1 as tf

    from todus.bridge import graph_matcher

    def create_training_graph(input_graph: tf.Graph, quant_delay: int) -> None:
        from todus.training.quantization import rewriter

        rewriter.rewrite_for_training(input_graph, quant_delay)

    def create_eval_graph(input_graph: tf.Graph) -> None:
        from todus.training.quantization import rewriter

        rewriter.rewrite_for_evaluation(input_graph)

    _package("tensorflow.contrib.quantize.python", graph_matcher=graph_matcher)
    return _package(
        "tensorflow.contrib.quantize",
        experimental_create_training_graph=create_training_graph,
        experimental_create_eval_graph=create_eval_graph,
    )


def _provide_graph_transforms() -> None:
    """tensorflow.tools.graph_transforms is gone; the TFLite exporter uses one transform of it.
    Can go when that exporter uses extract_sub_graph itself."""
    import tensorflow.compat.v1 as tf

    def transform_graph(graph: tf.GraphDef, inputs: list, outputs: list, transforms: list) -> tf.GraphDef:
        if list(transforms) != ["strip_unused_nodes"]:
            raise ValueError(f"only strip_unused_nodes is provided, not {transforms}")
        return tf.graph_util.extract_sub_graph(graph, outputs)

    _module("tensorflow.tools.graph_transforms", TransformGraph=transform_graph)


def _disable_graph_profile() -> None:
    """The exporter prints a profile of the graph with tf.contrib.tfprof, which is gone; nothing depends on it.
    Can go when the exporter does without it."""
    from object_detection import exporter

    exporter.profile_inference_graph = lambda graph: None


def _module(name: str, **contents: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(contents)
    sys.modules[name] = module
    return module


def _package(name: str, **contents: object) -> ModuleType:
    package = _module(name, **contents)
    package.__path__ = []
    return package


def _put_back(module: ModuleType, **names: object) -> None:
    for name, value in names.items():
        if not hasattr(module, name):
            setattr(module, name, value)
