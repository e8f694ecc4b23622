"""What timings say: medians, what can be told apart, speeds by round."""

from __future__ import annotations

import numpy as np
import pytest

from todus.benchmark import figures
from todus.benchmark.timing import Timings


def noisy(milliseconds: float, seed: int, rounds: int = 60) -> list[float]:
    """Seconds of each round, a tenth more or less."""
    return (milliseconds / 1000 * np.random.default_rng(seed).uniform(0.9, 1.1, rounds)).tolist()


def test_median_and_p95_are_in_milliseconds():
    found = figures.of(Timings([0.001 * n for n in range(1, 102)]), None)
    assert (found.median, found.p95) == (pytest.approx(51), pytest.approx(96))
    assert (found.heads, found.post_processing, found.speed) == (None, None, None)


def test_post_processing_is_the_difference_within_each_round():
    heads = noisy(5, seed=1)
    load = np.random.default_rng(2).uniform(0, 0.05, len(heads))  # of the machine: hits both of a round alike
    slowed = (np.array(heads) + load).tolist()
    found = figures.of(Timings([seconds + 0.002 for seconds in slowed], slowed), None)
    assert found.post_processing == pytest.approx(2)
    assert found.heads == pytest.approx(1000 * np.median(slowed))


def test_what_differs_by_less_than_the_noise_is_not_told_apart():
    found = figures.of(Timings(noisy(5, seed=1), noisy(5, seed=2)), None)
    assert (found.heads, found.post_processing) == (None, None)


def test_speed_compares_within_rounds_so_that_load_on_the_machine_does_not_count():
    load = np.random.default_rng(0).choice([1, 1, 8], 60)
    slow, fast = (np.array(noisy(ms, seed=ms)) * load for ms in (20, 10))
    found = figures.speed(fast.tolist(), slow.tolist())
    assert found.low < found.ratio < found.high
    assert found.ratio == pytest.approx(2, rel=0.05)
    assert found.low > 1.9
    assert found == figures.speed(fast.tolist(), slow.tolist()), "the same numbers have the same interval"


def test_times_that_vary_as_no_image_makes_them_are_told():
    assert not figures.are_restless(Timings(noisy(10, seed=1)))
    assert figures.are_restless(Timings([*noisy(10, seed=1), *noisy(80, seed=2, rounds=10)]))
    assert figures.are_restless(Timings([*noisy(10, seed=1, rounds=20), *noisy(80, seed=2)]))


def test_equal_speed_has_1_in_its_interval():
    found = figures.speed(noisy(10, seed=1), noisy(10, seed=2))
    assert found.low < 1 < found.high
