"""The whole road on a generated mini-COCO, offline, explained step by step.

    python -m todus.demo.tour --folder demo

Draws a small COCO and trains a little zoo model on it, serves both on this machine as COCO and the zoo are served,
and then runs the verbs as you would. Everything stays below the folder; a second tour finds most of it there, and
deletes first what an earlier one made with other settings.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from todus import checkpoint, command, files, layout, markdown, picture, progress
from todus.demo import little_zoo, mini_coco, mirror
from todus.errors import WorldError
from todus.evaluation import report
from todus.layout import Home
from todus.training.validating import best

CATEGORIES = "stop sign, traffic light, banana, clock"
STEPS = 400
EVAL_EVERY = 100
LEARNING_RATE = 0.003
PICTURES = 6
SETTINGS = "tour.json"
SCORE_SHOWN = 0.3


class Tour:
    """The demo's folder, and how a verb is run in it."""

    def __init__(self, folder: Path, mirror_url: str):
        self.folder, self.mirror_url = folder, mirror_url
        self.home = Home(home_in(folder))
        self.model = self.home.model(little_zoo.NAME)

    def verb(self, verb: str, **variables: str) -> None:
        """Run the script of `make VERB`, showing the command as the user would type it."""
        typed = " ".join(["make", verb, *(f"{name}={shlex.quote(value)}" for name, value in variables.items())])
        progress.say(f"\n$ {typed}")
        # Not make itself: when the verb fails it would add a line of its own to the one that says why.
        script = layout.CHECKOUT / "scripts" / f"{verb}.sh"
        run([str(script)], TODUS_HOME=str(self.home.folder), **python_environment(), **variables)


def home_in(folder: Path) -> Path:
    return folder / "home"


def zoo_maker_in(folder: Path) -> Path:
    return folder / "zoo-maker"


def zoo_in(folder: Path) -> Path:
    return folder / "mirror" / "zoo"


def python_environment() -> dict[str, str]:
    """The variable that has a verb use the Python environment we run in: none where it would take that one anyway."""
    own = layout.CHECKOUT / ".venv"
    return {} if Path(sys.prefix).resolve() == own.resolve() else {"VENV": sys.prefix}


def run(arguments: list[str], **environment: str) -> None:
    """Run a command to its end. Where it fails it has said why, so we leave with its status and say nothing more.

    Raises:
      SystemExit: the command failed.
      KeyboardInterrupt: we were interrupted meanwhile, and the command ended without complaint.
      WorldError: something killed the command.
    """
    sys.stdout.flush()
    interrupts = []
    # Ctrl-C reaches the command too, which may have a checkpoint to write: wait for it instead of killing it.
    before = signal.signal(signal.SIGINT, lambda number, frame: interrupts.append(number))
    try:
        status = subprocess.run(arguments, env={**os.environ, **environment}, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    if status > 0:
        sys.exit(status)
    if interrupts or status == -signal.SIGINT:
        raise KeyboardInterrupt
    if status:
        raise WorldError(f"{shlex.join(arguments)} was killed by {signal.Signals(-status).name}; run make demo again")


def walk(folder: Path) -> None:
    explain("1. A small COCO", "Drawn by a program, in the layout of COCO's own server, so that nothing is downloaded.")
    delete_outdated(folder, mini_coco.generate(folder / "mirror" / "coco"))
    with mirror.serve(folder / "mirror") as url:
        tour = Tour(folder, url)
        explain(
            "2. A little zoo model",
            "An SSD MobileNet v1, a quarter as wide and at 128x128, trained on all ten categories under COCO's ids, "
            "then packed and served as the TensorFlow 1 zoo does it. The real zoo's models need no such step.",
        )
        make_little_zoo(tour)
        take_the_road(tour)
    draw_detections(tour)
    conclude(tour)


def delete_outdated(folder: Path, coco: Path) -> None:
    """Delete what an earlier tour made of another mini-COCO or with other settings, and note those of this one."""
    note = folder / SETTINGS
    try:
        earlier = json.loads(note.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        earlier = {}
    now = settings(coco)
    outdated = []
    if earlier.get("little zoo model") != now["little zoo model"]:
        outdated = [zoo_maker_in(folder), zoo_in(folder), home_in(folder)]
    elif earlier.get("road") != now["road"]:
        outdated = [home_in(folder)]
    for path in filter(Path.exists, outdated):
        progress.say(f"deleting {progress.shown(path)}: an earlier tour made it with other settings")
        shutil.rmtree(path)
    files.write_json(note, now, indent=2)


def settings(coco: Path) -> dict[str, dict]:
    """What the little zoo model, and the road from it, are made with."""
    pipeline = hashlib.sha256(little_zoo.PIPELINE.read_bytes()).hexdigest()[:16]
    drawn = json.loads((coco / mini_coco.MANIFEST).read_text(encoding="utf-8"))
    return {
        "little zoo model": {"pipeline": pipeline, "mini-COCO": drawn},
        "road": {"categories": CATEGORIES, "steps": STEPS, "learning_rate": LEARNING_RATE, "eval_every": EVAL_EVERY},
    }


def make_little_zoo(tour: Tour) -> None:
    options = {
        "--home": str(zoo_maker_in(tour.folder)),
        "--coco-url": f"{tour.mirror_url}/coco",
        "--zoo": str(zoo_in(tour.folder)),
    }
    run([sys.executable, "-m", "todus.demo.little_zoo", *(word for option in options.items() for word in option)])


def take_the_road(tour: Tour) -> None:
    explain("3. Choose categories", f"From here on it is what you would do. Four of the ten are kept: {CATEGORIES}.")
    tour.verb("dataset-limited", CATEGORIES=CATEGORIES, COCO_URL=f"{tour.mirror_url}/coco")
    explain("4. Take the model", "Its class head is cut from 90 classes to 4, the trained weights of the 4 are kept.")
    tour.verb("model", MODEL=tour.model.name, ZOO_URL=f"{tour.mirror_url}/zoo")
    explain("5. How good was the full model on them?", "Its other 86 classes are ignored: matched by name.")
    tour.verb("eval", MODEL=tour.model.name, GRAPH="pretrained")
    explain("6. And the cut one, with no training at all?", "model.ckpt-0 is what step 4 left.")
    tour.verb("eval", MODEL=tour.model.name, CHECKPOINT="model.ckpt-0")
    explain(
        "7. Train on",
        "Fine-tuning from the cut weights: the loss starts low, because nothing was thrown away. Average precision is "
        "measured on the way: it falls while the learning rate is high, and ends above where it began.",
    )
    wanted = {"STEPS": STEPS, "LEARNING_RATE": LEARNING_RATE, "EVAL_EVERY": EVAL_EVERY}
    tour.verb("train", MODEL=tour.model.name, **{name: str(value) for name, value in wanted.items()})
    tour.verb("eval", MODEL=tour.model.name)
    explain("8. Export", "A frozen graph and a SavedModel for the device; evaluated once more, as they are.")
    tour.verb("export", MODEL=tour.model.name)
    tour.verb("eval", MODEL=tour.model.name, GRAPH="exported")
    explain(
        "9. What did it bring?",
        "The same weights in every format beside the full model: size, average precision, and the time that an image "
        "takes on this machine.",
    )
    tour.verb("benchmark", MODEL=tour.model.name)


def explain(title: str, text: str) -> None:
    progress.say(f"\n=== {title}\n    {text}")


def draw_detections(tour: Tour) -> None:
    """The validation images with the most objects: ground truth beside what the exported graph detects."""
    started = time.monotonic()
    dataset = tour.home.dataset("limited")
    truth = json.loads(dataset.annotations("val").read_text(encoding="utf-8"))
    found = json.loads(tour.model.detections("exported").read_text(encoding="utf-8"))
    names = {category["id"]: category["name"] for category in truth["categories"]}
    colours = picture.colours_of(names.values())

    def boxes(annotations: list[dict], image_id: int) -> list[picture.Box]:
        return [
            picture.Box(a["bbox"], names[a["category_id"]], a.get("score"), bool(a.get("iscrowd")))
            for a in annotations
            if a["image_id"] == image_id
        ]

    shown = sorted(truth["images"], key=lambda image: (-len(boxes(truth["annotations"], image["id"])), image["id"]))
    pairs = []
    for image in shown[:PICTURES]:
        with Image.open(tour.home.raw_data.images("val") / image["file_name"]) as pixels:
            ours, theirs = boxes(found, image["id"]), boxes(truth["annotations"], image["id"])
            pairs.append(picture.side_by_side(pixels, theirs, ours, threshold=SCORE_SHOWN, colours=colours))
    path = tour.folder / "detections.png"
    picture.contact_sheet(pairs, columns=2).save(path)
    explain("10. See for yourself", "Ground truth at the left, detections of the exported graph at the right.")
    progress.made(path, started)


def conclude(tour: Tour) -> None:
    evaluations = json.loads(tour.model.report.read_text(encoding="utf-8"))
    newest = checkpoint.newest(tour.model.training)  # beyond STEPS where someone has trained on by hand
    rows = [
        _row(what, evaluations[graph]["summary"]["AP"], evaluations[graph]["summary"]["AP50"])
        for what, graph in (
            ("full model, 90 classes, on the 4 kept", "pretrained"),
            ("cut to 4 classes, no training", "model.ckpt-0"),
            (f"after {checkpoint.step_of(newest)} steps of training", newest.name),
            ("exported frozen graph", "exported"),
        )
        if graph in evaluations
    ]
    kept = best.read(tour.model)
    if kept is not None:
        rows.append(_row(f"best while training, at step {kept.step}", kept.ap, kept.ap50))
    progress.say("\n=== What came of it (average precision on the validation images, percent)\n")
    for line in markdown.table(["detector", "AP", "AP50"], rows):
        progress.say(line)
    progress.say(
        f"\nThe formats side by side: {progress.shown(tour.model.benchmark_table)}, and as a chart in benchmark.png."
    )
    progress.say(f"All of it is below {progress.shown(tour.folder)}; make clean removes it.")
    progress.next_step('make dataset-limited CATEGORIES="bear horse giraffe"  (the real COCO)')


def _row(what: str, ap: float | None, ap50: float | None) -> list[str]:
    return [what, report.percent(ap), report.percent(ap50)]


def main() -> None:
    arguments = parse_arguments()
    started = time.monotonic()
    walk(arguments.folder)
    progress.say(f"the tour took {progress.human_time(time.monotonic() - started)}")


def parse_arguments() -> argparse.Namespace:
    parser = command.parser(__doc__)
    parser.add_argument(
        "--folder", required=True, type=lambda text: Path(text).resolve(), help="where everything of the tour goes"
    )
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
