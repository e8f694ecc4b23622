"""Evaluation while training, with the little model: its figures are those of make eval, and it can end the run."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from support import NAME, failed_in_one_line, run_verb
from todus import checkpoint, layout
from todus.errors import UserError
from todus.evaluation import evaluate, graphs, validation_set, while_training
from todus.training import train
from todus.training.options import Every, Options
from todus.training.validating import best, evaluations
from todus.zoo import prepared as preparation


@pytest.fixture(scope="module")
def trained(prepared: layout.Home, tmp_path_factory: pytest.TempPathFactory) -> layout.Model:
    """Trained for 6 steps, evaluated at each third on all images. Not to be changed."""
    home = layout.Home(tmp_path_factory.mktemp("while-training") / "tree")
    shutil.copytree(prepared.folder, home.folder)
    model = home.model(NAME)
    train.train(model, Options(steps=6, batch_size=2, learning_rate=0.001, eval_every=Every(steps=3)))
    return model


def test_the_start_every_so_many_steps_and_the_end_are_evaluated(trained: layout.Model) -> None:
    known = evaluations.read(trained)
    assert [one.step for one in known.done] == [0, 3, 6]
    assert len({one.ap for one in known.done}) == 3, "hardly depends on the weights: proves nothing"
    kept = best.read(trained)
    assert kept.ap == max(one.ap for one in known.done)
    in_training = checkpoint.at_step(trained.training, kept.step)
    assert checkpoint.read(kept.prefix).keys() == checkpoint.read(in_training).keys()


def test_the_figures_are_those_of_make_eval(trained: layout.Model) -> None:
    validation = while_training.images(trained, None)
    _, detector = graphs.open_detector(trained, "", "model.ckpt-3")
    scores, _ = evaluate.measure(detector, validation.annotations, validation.images)
    detector.close()
    (third,) = [one for one in evaluations.read(trained).done if one.step == 3]
    assert (third.ap, third.ap50) == pytest.approx((scores.summary["AP"], scores.summary["AP50"]), abs=1e-9)


def test_until_ap_pretrained_measures_the_pretrained_model_once_and_stops(
    trained: layout.Model, tmp_path: Path, capsys
) -> None:
    """On other images than before, so that nothing is known yet."""
    shutil.copytree(trained.folder.parents[1], tmp_path / "copy")
    model = layout.Home(tmp_path / "copy").model(NAME)
    wanted = Options(steps=9, batch_size=2, until_ap="pretrained", eval_images=5)
    goal = while_training.validation(model, wanted, 9).rule.until_ap
    said = capsys.readouterr().out
    assert "evaluating every 500 steps (EVAL_EVERY sets how often), on 5 validation images" in said
    assert "measuring the pretrained model on them, this once" in said
    found = evaluations.read(model)
    assert (found.images, found.pretrained) == (5, goal)

    evaluations.write(model, replace(found, pretrained=0.0))  # which every model reaches
    train.train(model, wanted)
    said = capsys.readouterr().out
    assert "measuring" not in said
    assert "stopped at step 6 of 9 by UNTIL_AP: AP " in said
    assert checkpoint.newest(model.training).name == "model.ckpt-6"


def test_until_ap_pretrained_needs_images_with_boxes(trained: layout.Model) -> None:
    """Else there is no average precision to reach, and training would never stop."""
    whole = while_training.images(trained, 3)
    empty = replace(whole, annotations={**whole.annotations, "annotations": []})
    known = evaluations.Evaluations("of these", 3)
    with pytest.raises(UserError, match="the 3 validation images have no boxes; raise EVAL_IMAGES"):
        while_training.pretrained_average_precision(trained, while_training.Scorer(trained, empty), known, print)


def test_a_subset_is_spread_over_all_images_and_always_the_same(prepared: layout.Home) -> None:
    model = prepared.model(NAME)
    whole, five = while_training.images(model, None), while_training.images(model, 5)
    places = [whole.images.index(image) for image in five.images]
    distances = {after - before for before, after in itertools.pairwise(places)}
    assert max(distances) - min(distances) <= 1
    assert while_training.images(model, 5) == five
    assert while_training.images(model, 10**6).images == whole.images
    assert while_training.ground_truth(model, five) != while_training.ground_truth(model, whole)
    assert validation_set.spread(range(4), 4) == [0, 1, 2, 3]


def test_images_that_are_missing_are_told_before_anything_is_built(home: layout.Home) -> None:
    model = home.model(NAME)
    next(home.raw_data.images("val").glob("*.jpg")).unlink()
    with pytest.raises(UserError, match="validation images are missing"):
        train.train(model, Options(steps=6, eval_every=Every(steps=3), background=True))
    assert not model.train_log.exists()


def test_status_tells_of_the_best_and_is_content_when_that_is_exported(home: layout.Home) -> None:
    model = home.model(NAME)
    cut = checkpoint.read(checkpoint.newest(model.training))
    checkpoint.write(checkpoint.at_step(model.training, 70), cut)
    put_best(model, checkpoint.newest(model.training))
    checkpoint.write(checkpoint.at_step(model.training, 90), cut)
    status = run_verb("status", home, MODEL=NAME).stdout
    assert "best       model.ckpt-70, AP 43.2 on 8 images while training" in status
    assert "CHECKPOINT=best" in status
    model.inference_graph.mkdir()
    model.labels.write_text("traffic light\nstop sign\nbanana\n")
    model.export_source.write_text("model.ckpt-70\n")
    status = run_verb("status", home, MODEL=NAME).stdout
    assert "exported   from model.ckpt-70 (threshold as in the pipeline)\n" in status
    assert "make export" not in status


def put_best(model: layout.Model, prefix: Path) -> None:
    """As if training had found `prefix` to be the best."""
    evaluation = evaluations.Evaluation(checkpoint.step_of(prefix), 0.432, 0.5, 0.1, evaluations.written(prefix))
    best.keep(model, prefix, evaluation, evaluations.Evaluations("truth", 8))


def test_no_best_is_a_mistake_in_one_line(prepared: layout.Home) -> None:
    assert preparation.is_prepared(prepared.model(NAME))
    assert failed_in_one_line(run_verb("export", prepared, CHECKPOINT="best"), "no best checkpoint", "EVAL_EVERY")
