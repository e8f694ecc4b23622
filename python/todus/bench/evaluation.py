"""Time the evaluation of a frozen graph beside the original's way: one image after the other, then pycocotools.

    python -m todus.bench.evaluation [--sample FOLDER] [--images 80] [--runs 3]

Each job is a process of its own; of several runs the fastest counts, and the runs of the two sides take turns. FOLDER
holds images in COCO's layout (val2017/, annotations/instances_val2017.json); without it, drawn images are taken.

The graph is that of an SSD MobileNet v1 for 90 classes and 300x300 pixels, exported with a score threshold of 1e-8.
Its weights are random, yet such that what it detects depends on the image (see lifelike). It finds nothing that is
there, so the ground truth of both sides is made of what the original's way has detected: every fifth detection.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from todus import checkpoint, command, layout, markdown, progress
from todus.bench import dataset, measured
from todus.demo import little_zoo
from todus.errors import UserError, WorldError

JOBS = "todus.bench.evaluation_jobs"
IMAGES = 80
RUNS = 3
SIZE = 300
TRUTH_EVERY = 5
EQUAL_BOXES, EQUAL_SCORES = 1e-2, 1e-5  # pixels; the order of float operations differs where images share a batch
EQUAL_AP = 1e-6


@dataclass(frozen=True)
class Run:
    """One run of a job: the whole process, and the detecting in it."""

    process_seconds: float
    seconds: float
    processor_seconds: float
    average_precision: float


def compare(work: Path, sample: Path, count: int, runs: int) -> str:
    """The table: images a second of both sides, and that they detect the same.

    Raises:
      WorldError: they do not.
    """
    annotations, folder = chosen(sample, count, work / "images.json")
    images = len(json.loads(annotations.read_text(encoding="utf-8"))["images"])
    progress.say("making the graph")
    graph = frozen_graph(work / "graph", sorted(folder.iterdir())[:8])
    progress.say("original, to make the ground truth of")
    found = work / "original.json"
    measured.run(JOBS, "original", graph, annotations, folder, found)
    truth = made_of(annotations, json.loads(found.read_text()), work / "truth.json")
    taken: dict[str, list[Run]] = {"original": [], "todus": []}
    for turn in range(runs):
        for job, into in taken.items():
            progress.say(f"{job}, run {turn + 1} of {runs}")
            into.append(run(job, graph, truth, folder, work / f"{job}.json"))
    require_equal(*(json.loads((work / f"{job}.json").read_text()) for job in taken))
    return table(images, taken["original"], taken["todus"])


def chosen(sample: Path, count: int, file: Path) -> tuple[Path, Path]:
    """The annotations of the first `count` validation images of the sample, and the folder of the images."""
    source = layout.RawData(sample)
    if not source.annotations("val").is_file():
        raise UserError(f"{sample} holds no annotations/instances_val2017.json; give a folder in COCO's layout")
    whole = json.loads(source.annotations("val").read_text(encoding="utf-8"))
    file.write_text(json.dumps({**whole, "images": whole["images"][:count]}))
    return file, source.images("val")


def frozen_graph(folder: Path, images: list[Path]) -> Path:
    """Export the SSD with random weights that are measured on some images."""
    from todus.bench import lifelike
    from todus.bridge import detection_model, exporter
    from todus.bridge import pipeline as pipelines

    pipeline = pipelines.parse(little_zoo.PIPELINE.read_text(encoding="utf-8"))
    resizer = pipeline.model.ssd.image_resizer.fixed_shape_resizer
    resizer.height = resizer.width = SIZE
    pipeline.model.ssd.feature_extractor.depth_multiplier = 1.0
    pipeline.model.ssd.feature_extractor.min_depth = 16
    batch = np.stack([np.asarray(Image.open(path).convert("RGB").resize((SIZE, SIZE))) for path in images])
    prefix = folder / "model.ckpt"
    checkpoint.write(prefix, lifelike.variables(detection_model.build_graph(pipeline), batch))
    exporter.export_inference_graph(pipeline, prefix, folder / "exported")
    return folder / "exported" / "frozen_inference_graph.pb"


def made_of(annotations: Path, results: list[dict], file: Path) -> Path:
    """A ground truth of every fifth detection, written to `file`."""
    boxes = [
        {**result, "id": number, "area": result["bbox"][2] * result["bbox"][3], "iscrowd": 0}
        for number, result in enumerate(results[::TRUTH_EVERY], start=1)
    ]
    file.write_text(json.dumps({**json.loads(annotations.read_text(encoding="utf-8")), "annotations": boxes}))
    return file


def run(job: str, graph: Path, truth: Path, folder: Path, output: Path) -> Run:
    whole = measured.run(JOBS, job, graph, truth, folder, output)
    told = json.loads(whole.output.splitlines()[-1])
    return Run(whole.seconds, told["seconds"], told["processor_seconds"], told["AP"])


def require_equal(theirs: list[dict], ours: list[dict]) -> None:
    """Raise WorldError unless both sides have the same detections of every image; near ties may change places."""
    if len(theirs) != len(ours):
        raise WorldError(f"the detections differ: {len(theirs)} of the original's way, {len(ours)} of Todus")
    wanted, found = (by_image_and_category(side) for side in (theirs, ours))
    for (image, category), rows in wanted.items():
        left = found.get((image, category), [])
        for number, row in enumerate(rows, start=1):
            match = next((one for one in left if _are_equal(row, one)), None)
            if match is None:
                raise WorldError(
                    f"the detections differ: of image {image} and category {category}, Todus has none like number "
                    f"{number} of the original's way, score {row['score']:.6f}, box {row['bbox']}"
                )
            left.remove(match)


def by_image_and_category(results: list[dict]) -> dict[tuple, list[dict]]:
    """The detections of each image and category, best first as they come."""
    sorted_out: dict[tuple, list[dict]] = {}
    for result in results:
        sorted_out.setdefault((result["image_id"], result["category_id"]), []).append(result)
    return sorted_out


def _are_equal(one: dict, other: dict) -> bool:
    box = np.abs(np.subtract(one["bbox"], other["bbox"])).max()
    return bool(box <= EQUAL_BOXES and abs(one["score"] - other["score"]) <= EQUAL_SCORES)


def table(images: int, theirs: list[Run], ours: list[Run]) -> str:
    """Raises WorldError if the AP of both is not the same."""
    precisions = [theirs[0].average_precision, ours[0].average_precision]
    if abs(precisions[0] - precisions[1]) > EQUAL_AP:
        raise WorldError(f"the AP differs: {precisions[0]} by the original's way, {precisions[1]} by Todus")
    sides = (theirs, ours)
    rows = [
        _row("detecting", images, *([run.seconds for run in side] for side in sides)),
        _row("detecting, by processor time", images, *([run.processor_seconds for run in side] for side in sides)),
        _row("whole process", images, *([run.process_seconds for run in side] for side in sides)),
        ["AP (of a made ground truth)", *(f"{precision:.7f}" for precision in precisions), "the same"],
    ]
    title = f"Evaluating: {images} images, SSD MobileNet v1, 300x300, 90 classes, score threshold 1e-8"
    return f"{title}\n\n" + "\n".join(markdown.table(["images/s", "the original's way", "Todus", "ratio"], rows))


def _row(label: str, images: int, theirs: list[float], ours: list[float]) -> list[str]:
    rates = [images / min(seconds) for seconds in (theirs, ours)]
    return [label, *(f"{rate:.1f}" for rate in rates), f"{rates[1] / rates[0]:.2f} x"]


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--sample", type=Path, metavar="FOLDER", help="COCO images to take (default: drawn ones)")
    parser.add_argument("--images", type=command.positive(int), default=IMAGES, help="how many (%(default)s)")
    parser.add_argument("--runs", type=command.positive(int), default=RUNS, help="of each job (%(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="todus-bench-") as folder:
        work = Path(folder)
        sample = given.sample.resolve() if given.sample else dataset.drawn_sample(work, given.images, "val")
        progress.say("\n\n" + compare(work, sample, given.images, given.runs))


if __name__ == "__main__":
    command.run(main)
