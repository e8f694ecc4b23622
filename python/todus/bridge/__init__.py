"""The one door to the TensorFlow Object Detection API.

The API is a TensorFlow 1 program that upstream has abandoned. Its TensorFlow 1 code path still runs on current
TensorFlow in graph mode once a handful of things that have moved or gone are put back. All of that is done here,
and nowhere else in Todus is `object_detection` imported:

    protos.py            the API's protocol buffers, rebuilt in memory               (no TensorFlow needed)
    pipeline.py          read and write pipeline.config                              (no TensorFlow needed)
    shims.py             what TensorFlow 2.21 no longer has and the API still wants
    moving_average.py    tf.contrib.opt.MovingAverageOptimizer, which is gone
    graph_mode.py        `tf`, prepared
    detection_model.py   build a detector's graph for inference; its variables
    training_graph.py    the loss, the train op and the input pipeline of a detector
    hard_examples.py     an SSD's hard-example miner, the same in less time
    synchronous_optimizer.py  have the API's optimizer wait for the gradients of all replicas
    exporter.py          frozen graph, SavedModel and checkpoint
    tflite_exporter.py   the graph that TensorFlow Lite's converter takes
    preprocessing.py     how a detector normalises pixels
    record_writer.py     the API's own writer of records, to compare with

Importing one of these modules is enough: each installs what it needs before it touches the API.
"""

from todus.bridge.protos import install as install_protos


def install() -> None:
    """Make `object_detection` importable, TensorFlow 1 code path included. May be called again at no cost.

    Raises:
      UserError: the API is not installed, or OBJECT_DETECTION_DIR does not hold it.
    """
    from todus.bridge import shims

    install_protos()
    shims.install()
