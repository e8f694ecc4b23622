"""The comparison of detections: what it lets pass, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from uff_interpreter import parity
from uff_interpreter.interpreter import Detections

THRESHOLD = 0.3
BOX = [0.1, 0.2, 0.5, 0.6]
WANTED = [(BOX, 0.9, 1), (BOX, 0.8, 2), ([0.3, 0.3, 0.9, 0.9], 0.5, 1)]


def detections(rows: list[tuple]) -> Detections:
    boxes, scores, classes = ([row[column] for row in rows] for column in range(3))
    return Detections(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(classes, int))


def told(found: list[tuple], wanted: list[tuple] = WANTED, most: int = 100) -> int:
    return len(parity.differences(parity.Pair([detections(found)], [detections(wanted)], most), THRESHOLD))


def moved(row: tuple, by: float) -> tuple:
    return ([value + by for value in row[0]], *row[1:])


@pytest.mark.parametrize(
    "found",
    [
        WANTED,
        WANTED[::-1],
        [*WANTED[:2], (WANTED[2][0], 0.5004, 1)],
        [*WANTED[:2], moved(WANTED[2], 1e-5)],
        [*WANTED, (BOX, THRESHOLD + 2e-6, 3)],  # the order of float operations decides whether it is above
        [*WANTED, ([0.4, 1.0, 0.5, 1.0], 0.7, 1)],  # beyond the image, clipped to nothing
    ],
)
def test_what_is_the_same(found) -> None:
    assert told(found) == 0


@pytest.mark.parametrize(
    ("found", "count"),
    [
        ([], 3),
        (WANTED[:2], 1),
        ([*WANTED, WANTED[0]], 1),
        ([(BOX, 0.9, 2), *WANTED[1:]], 2),
        ([(BOX, 0.902, 1), *WANTED[1:]], 2),
        ([moved(WANTED[0], 0.001), *WANTED[1:]], 2),
        ([*WANTED, (BOX, THRESHOLD + 1e-3, 3)], 1),
    ],
)
def test_what_differs(found, count) -> None:
    assert told(found) == count
    assert told(WANTED, found) == count


def test_where_a_full_list_ends_nothing_is_missed() -> None:
    lower = [*WANTED[:2], (BOX, 0.499999, 3)]
    assert told(lower, most=3) == 0
    assert told(lower, most=4) == 2
    assert told([*WANTED[:2], (BOX, 0.4, 3)], most=3) == 1


def test_a_comparison_that_proves_nothing_is_refused() -> None:
    same = [detections(WANTED)] * 4
    with pytest.raises(AssertionError, match="depends on the image"):
        parity.require_equal(parity.Pair(same, same, 100), THRESHOLD)
    nothing = [detections([])] * 4
    with pytest.raises(AssertionError, match="hardly anything"):
        parity.require_equal(parity.Pair(nothing, nothing, 100), THRESHOLD)
