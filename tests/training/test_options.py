"""How often, until which AP: what the variables of make train may be set to."""

from __future__ import annotations

import argparse

import pytest

from todus import command
from todus.errors import UserError
from todus.training import options
from todus.training.options import Due, Every, Options


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("500", Every(steps=500)),
        ("30s", Every(seconds=30)),
        ("10m", Every(seconds=600)),
        ("1.5h", Every(seconds=5400)),
    ],
)
def test_how_often_is_in_steps_or_in_time(text, meant):
    assert options.every(text) == meant


@pytest.mark.parametrize("text", ["", "0", "0m", "-5", "1.5", "10 m", "10d", "m", "ten", "nan"])
def test_what_is_no_how_often_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="neither a number of steps, like 500, nor a time"):
        options.every(text)


@pytest.mark.parametrize(("text", "meant"), [("0.35", 0.35), ("1", 1.0), ("pretrained", "pretrained")])
def test_an_ap_is_a_share_or_that_of_the_zoo_s_model(text, meant):
    assert options.average_precision(text) == meant


@pytest.mark.parametrize("text", ["35", "0", "-1", "nan", "x", "Pretrained"])
def test_what_is_no_ap_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is neither an AP between 0 and 1 nor pretrained"):
        options.average_precision(text)


def test_for_an_ap_in_percent_the_share_is_suggested():
    with pytest.raises(argparse.ArgumentTypeError, match=r"; did you mean 0\.35\?"):
        options.average_precision("35")


def parsed(*arguments: str) -> Options:
    parser = command.parser(__doc__)
    options.add_to(parser)
    return options.from_arguments(parser.parse_args(arguments))


def test_what_is_not_given_is_left_to_others():
    assert parsed() == Options()


def test_what_is_given_is_taken():
    wanted = parsed("--steps", "9", "--save-every", "2m", "--until-ap", "0.4", "--sync", "1", "--precision", "bfloat16")
    assert (wanted.steps, wanted.save_every, wanted.until_ap) == (9, Every(seconds=120), 0.4)
    assert (wanted.sync, wanted.background, wanted.precision) == (True, False, "bfloat16")


@pytest.mark.parametrize(
    ("option", "value", "variable"), [("--until-ap", "35", "UNTIL_AP"), ("--save-every", "5x", "SAVE_EVERY")]
)
def test_a_mistake_is_told_in_the_words_of_make(option, value, variable):
    with pytest.raises(UserError, match=f"^{variable} "):
        parsed(option, value)


def test_steps_are_counted_from_the_first_of_all():
    due = Due(Every(steps=500), step=730)
    assert [step for step in range(731, 1600) if due.over(step)] == [1000, 1500]


def test_what_was_jumped_over_is_due_once():
    due = Due(Every(steps=10), step=0)
    assert [step for step in (8, 17, 18, 43, 44) if due.over(step)] == [17, 43]


def test_time_is_counted_from_the_last():
    due = Due(Every(seconds=60), step=0, now=100.0)
    assert not due.at(1, now=159.0)
    assert due.at(2, now=160.0)
    due.restart(2, now=170.0)
    assert not due.at(3, now=229.0)
    assert due.at(4, now=230.0)
