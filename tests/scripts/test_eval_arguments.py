"""Which categories make eval scores: all of the dataset, unless the user names some."""

from __future__ import annotations

import pytest


@pytest.fixture
def arguments(shell):
    """What the module was given by a finished `make eval` or script."""
    shell.prepare("ssd")

    def of(finished) -> list[str]:
        (call,) = shell.calls(finished)
        assert call["module"] == "todus.evaluation.evaluate"
        assert not {"TODUS_GIVEN", "CATEGORIES"} & set(call["environment"])
        return call["arguments"]

    return of


def test_the_default_categories_are_for_datasets_alone(shell, arguments):
    for finished in (shell.make("eval"), shell.script("eval"), shell.make("eval", "STEPS=5", CATEGORIES="")):
        assert "--categories" not in arguments(finished)


@pytest.mark.parametrize("value", ["bear, traffic light", "$(HOME) `ls`"])
def test_categories_of_the_user_s_are_scored_however_he_gives_them(shell, arguments, value):
    for finished in (
        shell.make("eval", f"CATEGORIES={value}"),
        shell.make("eval", CATEGORIES=value),
        shell.script("eval", CATEGORIES=value),
    ):
        given = arguments(finished)
        assert given[given.index("--categories") + 1] == value


def test_the_default_counts_where_the_user_asks_for_it(shell, arguments):
    default = "person bicycle car motorcycle airplane bus train truck boat"
    assert default in arguments(shell.make("eval", f"CATEGORIES={default}"))


def test_several_graphs_are_one_argument(shell, arguments):
    given = arguments(shell.make("eval", "GRAPH=pretrained training"))
    assert given[given.index("--graph") + 1] == "pretrained training"


def test_a_checkpoint_is_one_of_training(shell, arguments):
    given = arguments(shell.script("eval", GRAPH="training", CHECKPOINT="model.ckpt-5"))
    assert {"training", "model.ckpt-5"} < set(given)
    refused = shell.the_error(shell.script("eval", GRAPH="best", CHECKPOINT="model.ckpt-5"))
    assert 'give only one of them, or both like this: GRAPH="best model.ckpt-5"' in refused
