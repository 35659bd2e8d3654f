"""The drift of rows along the sum of earlier ones: its rate of false alarms, and its power in a direction nobody names."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from gradverify.verification.statistics.batches import Batches
from gradverify.verification.statistics.confidence import looks
from gradverify.verification.statistics.drift import Drift

Draw = Callable[[int], np.ndarray]


def first_alarm(draw: Draw, size: int, alpha: float, max_rows: int = 8000) -> int:
    """Return the rows at the first alarm, or 0."""
    drift, start, done = Drift.empty(size), 0, 0
    for count in looks(max_rows=max_rows):
        drift, done = drift.extend(Batches.from_rows(draw(count - done))), count
        if drift.open and not start:
            start = count
        if start and drift.alarms(start, alpha):
            return count
    return 0


def alarms(law: Callable[[np.random.Generator], Draw], size: int, alpha: float, runs: int) -> int:
    return sum(first_alarm(law(np.random.default_rng(seed)), size, alpha) > 0 for seed in range(runs))


NULLS: dict[str, Callable[[np.random.Generator], Draw]] = {
    "isotropic": lambda g: lambda n: g.normal(size=(n, 5)),
    "one direction": lambda g: lambda n: g.normal(size=(n, 5)) * [3, 0.3, 0.3, 0.3, 0.3],
    "lognormal": lambda g: lambda n: g.lognormal(size=(n, 5)) - math.exp(0.5),
    "t3": lambda g: lambda n: g.standard_t(3, size=(n, 5)),
}


@pytest.mark.parametrize("name", NULLS)
def test_false_alarms_stay_below_their_rate(name: str) -> None:
    """alpha .05, 246 runs: more than 18 accuse a sound sequence 5 % of the time at most, and find a doubled rate 90 %."""
    assert alarms(NULLS[name], 5, 0.05, 246) <= 18


def test_a_direction_that_knows_its_own_rows_would_alarm_almost_always() -> None:
    """The planted bug: each batch is compared with the sum that holds it, so its own noise counts as drift."""
    crossed = 0
    for seed in range(60):
        rows = np.random.default_rng(seed).normal(size=(4000, 5))
        batches = Batches.from_rows(rows)
        total = np.cumsum(batches.errors, axis=0)
        along = (batches.errors * total).sum(axis=1) / np.sqrt((total * total).sum(axis=1))
        crossed += along.sum() > 3 * math.sqrt(float((along**2).sum()))
    assert crossed > 18


@pytest.mark.parametrize("size", [2, 50])
def test_a_bias_in_no_named_direction_is_found(size: int) -> None:
    """A bias of .1 standard deviations a row, 9 standard errors in all at 8,000 rows, in a random direction: 36 of 40."""
    found = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        bias = rng.normal(size=size)
        bias *= 0.1 / np.linalg.norm(bias)
        found += first_alarm(lambda n, rng=rng, bias=bias: rng.normal(size=(n, len(bias))) + bias, size, 1e-3) > 0
    assert found >= 36


def test_rare_rows_and_few_rows_keep_it_closed() -> None:
    """Five events: the tail has not been seen, and nothing may be concluded. Nor from fewer than fifty batches."""
    rows = -np.ones((4000, 3))
    rows[::800] += 1000
    assert not Drift.empty(3).extend(Batches.from_rows(rows)).open
    assert not Drift.empty(3).extend(Batches.from_rows(np.random.default_rng(0).normal(size=(640, 3)))).open


def test_the_direction_is_that_of_the_sum() -> None:
    drift = Drift.empty(2).extend(Batches.from_rows(np.tile([3.0, 4.0], (100, 1))))
    assert drift.direction == pytest.approx([0.6, 0.8])
    assert Drift.empty(2).direction == pytest.approx([0.0, 0.0])
