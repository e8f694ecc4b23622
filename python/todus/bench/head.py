"""Train the demo's little zoo model on four of its categories: from the cut head, and from heads begun anew.

    python -m todus.bench.head [--folder demo] [--steps 400]

Three starts: all trained weights, the class head cut (what `make model` leaves); the class head begun anew, as the
Object Detection API does where its shape does not fit and `load_all_detection_checkpoint_vars` is set; and both heads
begun anew, which is the API's default. Each is trained by `make train` in a process of its own and evaluated on the
way. FOLDER is the demo's, whose mini-COCO and little zoo model are taken, or made first.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from todus import checkpoint, command, layout, markdown, progress
from todus.bench import measured
from todus.coco import dataset as coco_dataset
from todus.demo import little_zoo, mini_coco, mirror, tour
from todus.evaluation import report
from todus.evaluation.report import percent
from todus.layout import Home, Model
from todus.training.validating import evaluations
from todus.training.validating.evaluations import Evaluation, Evaluations
from todus.zoo import archive, prepare
from todus.zoo.pipeline import Settings

STEPS = 400
EVAL_EVERY = 20  # steps
SEED = 1  # of the weights that are begun anew
BACKBONE = "FeatureExtractor/"  # what the API restores by default
STARTS = {
    "cut head": "nothing",
    "class head begun anew": "class head",
    "both heads begun anew": "both heads",
}


def table(folder: Path, work: Path, steps: int) -> str:
    """Steps and seconds until each start is as good as the pretrained model, and how good it becomes."""
    base = prepared(folder, work)
    measured.run("todus.evaluation.evaluate", "--model-dir", base.folder, "--graph", "pretrained")
    goal = report.average_precision(base, "pretrained")
    rows = []
    for start, anew in STARTS.items():
        home = Home(work / start.replace(" ", "-"))
        shutil.copytree(base.folder.parent.parent, home.folder)
        model = home.model(base.name)
        begin_anew(model, anew)
        progress.say(f"training from the {start}, {steps} steps")
        began = time.time()
        run = measured.run("todus.training.train", *_train(model, steps))
        progress.say(f"took {progress.human_time(run.seconds)}")
        rows.append([start, *figures(evaluations.read(model), goal, began)])
    images = evaluations.read(model).images
    title = f"From which head? {steps} steps, the pretrained model has AP {percent(goal)} on {images} images"
    head = ["training starts from", "AP there", "steps to pretrained AP", "seconds", f"AP after {steps}", "best"]
    return "\n".join([title, "", *markdown.table(head, rows)])


def prepared(folder: Path, work: Path) -> Model:
    """The little zoo model, cut to the tour's categories, in a tree below `work`."""
    home, zoo = Home(work / "base"), tour.zoo_in(folder)
    coco = folder / "mirror" / "coco"
    tour.delete_outdated(folder, mini_coco.generate(coco))
    with mirror.serve(folder / "mirror") as url:
        little_zoo.make_archive(Home(tour.zoo_maker_in(folder)), f"{url}/coco", zoo, least_ap50=little_zoo.LEARNT)
        request = coco_dataset.Request("limited", tour.CATEGORIES, ("train", "val"), f"{url}/coco", preview=False)
        coco_dataset.make(request, home)
        model = home.model(little_zoo.NAME)
        prepare.prepare(model, home.dataset("limited"), f"{url}/zoo", home, Settings())
    return model


def begin_anew(model: Model, what: str) -> None:
    """Give the start of training fresh weights: "nothing", the "class head", or "both heads"."""
    from todus.bridge import detection_model
    from todus.bridge import pipeline as pipelines

    prefix = checkpoint.at_step(model.training, 0)
    variables, fresh = checkpoint.read(prefix), detection_model.initial_variables(pipelines.load(model.pipeline), SEED)
    full = checkpoint.shapes(archive.checkpoint(model))
    heads = {
        "nothing": [],
        "class head": [name for name, value in variables.items() if full[name] != list(value.shape)],
        "both heads": [name for name in variables if not name.startswith(BACKBONE)],
    }
    checkpoint.write(prefix, {**variables, **{name: fresh[name] for name in heads[what] if name in fresh}})


def _train(model: Model, steps: int) -> list[object]:
    rate = ["--learning-rate", tour.LEARNING_RATE]
    return ["--model-dir", model.folder, "--steps", steps, "--eval-every", EVAL_EVERY, *rate]


def figures(known: Evaluations, goal: float, began: float) -> list[str]:
    """A row of the table. `began`: when the process was started, in seconds since the epoch."""
    reached = next((one for one in known.done if one.ap >= goal), None)
    best = max(known.done, key=lambda one: one.rank)
    return [
        percent(known.done[0].ap),
        str(reached.step) if reached else "not reached",
        _seconds(reached, began),
        percent(known.done[-1].ap),
        f"{percent(best.ap)} at {best.step}",
    ]


def _seconds(reached: Evaluation | None, began: float) -> str:
    """From the start of the process to the checkpoint."""
    if reached is None:
        return "n/a"
    return f"{reached.written / 1e9 - began:.0f}" if reached.step else "0"


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--folder", type=Path, default=layout.CHECKOUT / "demo", help="the demo's (%(default)s)")
    parser.add_argument("--steps", type=command.positive(int), default=STEPS, help="of training (%(default)s)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="todus-bench-") as work:
        said = table(given.folder.resolve(), Path(work), given.steps)
    progress.say(f"\n\n{said}")


if __name__ == "__main__":
    command.run(main)
