"""The jobs that `make bench-eval` times: each is one whole process, ours or the one it is compared with.

    python -m todus.bench.evaluation_jobs original GRAPH ANNOTATIONS IMAGES OUTPUT
    python -m todus.bench.evaluation_jobs todus GRAPH ANNOTATIONS IMAGES OUTPUT

Both detect on all images of ANNOTATIONS and score; scores are not rounded. OUTPUT gets the detections, in COCO's
results format. The last line printed is JSON: seconds and processor seconds of the detecting, warmed up before, and AP.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from todus import command, layout

WARM_UP = 8  # images before the clock starts: TensorFlow optimises a graph when it first runs


def original(graph_file: Path, annotation_file: Path, folder: Path, output: Path) -> dict:
    """As the original scripts evaluate: an image is opened, goes through the graph alone, then the next one."""
    import numpy as np
    import tensorflow.compat.v1 as tf
    from PIL import Image
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    names = ("num_detections", "detection_boxes", "detection_scores", "detection_classes")
    with tf.Graph().as_default():
        tf.import_graph_def(tf.GraphDef.FromString(graph_file.read_bytes()), name="")
        session = tf.Session()
    outputs = [f"{name}:0" for name in names]
    truth = COCO(str(annotation_file))

    def detect(image: dict) -> list[dict]:
        with Image.open(folder / image["file_name"]) as opened:
            pixels = np.array(opened.convert("RGB"))
        count, boxes, scores, classes = session.run(outputs, {"image_tensor:0": pixels[np.newaxis]})
        height, width = pixels.shape[:2]
        found = []
        for row in range(int(count[0])):
            ymin, xmin, ymax, xmax = (boxes[0, row].astype(float) * [height, width, height, width]).tolist()
            category, score = int(classes[0, row]), float(scores[0, row])
            box = [xmin, ymin, xmax - xmin, ymax - ymin]
            if category in truth.cats:
                found.append({"image_id": image["id"], "category_id": category, "bbox": box, "score": score})
        return found

    images = list(truth.imgs.values())
    results, taken = _timed(lambda some: [found for image in some for found in detect(image)], images)
    output.write_text(json.dumps(results))
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return {**taken, "AP": float(evaluation.stats[0])}


def todus(graph_file: Path, annotation_file: Path, folder: Path, output: Path) -> dict:
    from todus.coco import label_map
    from todus.evaluation import detection, detectors, scoring

    annotations = json.loads(annotation_file.read_text(encoding="utf-8"))
    images = [(image, folder / image["file_name"]) for image in annotations["images"]]
    detector = detectors.from_frozen_graph(graph_file, lambda _: label_map.read(layout.COCO_LABEL_MAP))
    results, taken = _timed(lambda some: detection.detect_files(detector, some, annotations["categories"]), images)
    detector.close()
    output.write_text(json.dumps(results))
    scores = scoring.score(annotations, results, [image["id"] for image, _ in images])
    return {**taken, "AP": scores.summary["AP"]}


def _timed(detect: Callable[[list], list[dict]], images: list) -> tuple[list[dict], dict[str, float]]:
    """What `detect` gives for `images`; and how long that took after it had been warmed up with the first of them."""
    detect(images[:WARM_UP])
    started, computed = time.perf_counter(), time.process_time()
    results = detect(images)
    taken = {"seconds": time.perf_counter() - started, "processor_seconds": time.process_time() - computed}
    return results, taken


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("job", choices=("original", "todus"))
    for operand in ("graph", "annotations", "images", "output"):
        parser.add_argument(operand, type=Path)
    given = parser.parse_args()
    job = {"original": original, "todus": todus}[given.job]
    print(json.dumps(job(given.graph, given.annotations, given.images, given.output)))


if __name__ == "__main__":
    command.run(main)
