"""What tests of several rooms use: the tiny model, and running a verb's script as a user's shell would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from todus import layout
from todus.bridge import pipeline as pipelines
from todus.demo import little_zoo, tour

NAME = little_zoo.NAME
KEPT = "stop sign, traffic light, banana"

# The demo's little model once more, smaller still: what it learns in a few seconds is little, but depends on the image.
# For that the batch-norm statistics have to follow within those few steps: with the demo's decay of 0.97 the output
# is all but the same for every image, and whatever compares outputs passes for nothing.
TINY_PIPELINE = (
    little_zoo.PIPELINE.read_text(encoding="utf-8")
    .replace("height: 128 width: 128", "height: 96 width: 96")
    .replace("batch_size: 24", "batch_size: 8")
    .replace("decay: 0.97", "decay: 0.7")
    .replace("class_prediction_bias_init: -4.6", "")  # a fresh head is to have a loss that gives it away
)
TINY_STEPS = 60

# What a device would run: a detector without Todus and without the Object Detection API. Arguments: graph, image.
PLAIN_TENSORFLOW = """
import sys, json
import numpy as np, tensorflow.compat.v1 as tf
from PIL import Image
image = np.asarray(Image.open(sys.argv[2]).convert("RGB"))[None]
names = ["num_detections:0", "detection_boxes:0", "detection_scores:0", "detection_classes:0"]
with tf.Graph().as_default(), tf.Session() as session:
    if sys.argv[1].endswith(".pb"):
        graph = tf.GraphDef.FromString(open(sys.argv[1], "rb").read())
        tf.import_graph_def(graph, name="")
    else:
        tf.saved_model.loader.load(session, ["serve"], sys.argv[1])
    count, boxes, scores, classes = session.run(names, {"image_tensor:0": image})
assert "object_detection" not in sys.modules
print(json.dumps({"count": int(count[0]), "score": float(scores[0, 0]), "classes": sorted(set(classes[0].tolist()))}))
"""


def run_verb(name: str, home: layout.Home, **variables: str) -> subprocess.CompletedProcess:
    """Run the script of the verb `name` on the tree `home`."""
    return subprocess.run(
        [layout.CHECKOUT / "scripts" / f"{name}.sh"],
        env=verb_environment(home, **variables),
        cwd=home.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def verb_environment(home: layout.Home, **variables: str) -> dict[str, str]:
    """The environment of a verb that uses this very Python environment, and nothing that make or pytest has set."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**inherited, "TODUS_HOME": str(home.folder), **tour.python_environment(), **variables}


def heads(pipeline: pipelines.Pipeline, prefix: Path, images: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What a checkpoint's detector says of each image before non-maximum suppression.

    Args:
      images: uint8 [height, width, 3], RGB, each of its own size.

    Returns:
      Class scores float32 [images, anchors, 1 + classes], background first; box encodings float32 [images, anchors, 4].
    """
    from todus.bridge import detection_model
    from todus.bridge.graph_mode import tf

    graph = detection_model.build_graph(pipeline)
    with graph.graph.as_default(), tf.Session() as session:
        tf.train.Saver().restore(session, str(prefix))
        fetches = [graph.class_scores, graph.box_encodings]
        said = [session.run(fetches, {graph.image_tensor: image[None]}) for image in images]
    scores, boxes = zip(*said, strict=True)
    return np.concatenate(scores), np.concatenate(boxes)


def failed_in_one_line(result: subprocess.CompletedProcess, *words: str) -> bool:
    """Whether a verb ended as a user's mistake should: exit 2, one line on stderr, with all of `words` in it."""
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 2, result
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("todus: "), result.stderr
    assert all(word in lines[0] for word in words), (words, lines[0])
    return True


def run_python(code: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
    """Run `code` in an interpreter of its own that has imported nothing yet."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(layout.CHECKOUT / "python"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
