"""When evaluation while training says that it is enough."""

from __future__ import annotations

from todus.training.validating.stopping import StoppingRule


def reasons(rule: StoppingRule, *averages: float | None) -> list[str | None]:
    """What the rule says to one average precision after the other, the first of which is the best so far."""
    said, best = [], -1.0
    for average in averages:
        rank = -1.0 if average is None else average
        said.append(rule.reason(average, rank > best))
        best = max(best, rank)
    return said


def test_without_a_wish_nothing_stops() -> None:
    assert reasons(StoppingRule(), 0.5, 0.4, 0.3, None, 0.2) == [None] * 5


def test_until_ap_stops_at_the_first_that_reaches_it() -> None:
    below, just, above = reasons(StoppingRule(until_ap=0.35), 0.3499, 0.35, 0.5)
    assert below is None
    assert just == "UNTIL_AP: AP 35.0 has reached 35.0"
    assert above == "UNTIL_AP: AP 50.0 has reached 35.0"


def test_no_average_precision_at_all_reaches_nothing() -> None:
    assert reasons(StoppingRule(until_ap=0.0001), None) == [None]


def test_patience_counts_evaluations_below_or_at_the_best_one_after_the_other() -> None:
    said = reasons(StoppingRule(patience=2), 0.3, 0.2, 0.4, 0.4, 0.1)
    assert said[:4] == [None] * 4
    assert said[4] == "PATIENCE: AP has not risen for 2 evaluations"
    assert reasons(StoppingRule(patience=1), 0.3, 0.2)[1] == "PATIENCE: AP has not risen for one evaluation"


def test_a_reached_goal_is_told_rather_than_lost_patience() -> None:
    assert reasons(StoppingRule(until_ap=0.3, patience=1), 0.5, 0.4)[1].startswith("UNTIL_AP")
