"""Cells judged by the norm: acceptance, alarms, kinds and their rates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gradverify.verification.statistics.batches import Batches
from gradverify.verification.statistics.bias import BiasPlan, BiasTest, BiasVerdict, scales
from gradverify.verification.statistics.moments import Moments

from .simulated_cells import Draw, directions

TRUTH = np.array([3.0, 0.0, 4.0])


def a_vector_plan(truth: np.ndarray = TRUTH, **changes: Any) -> BiasPlan:
    fields: dict[str, Any] = {
        "truth": truth,
        "scale": scales(truth),
        "tau_numeric": 1e-12,
        "r_target": 0.05,
        "r_accept": 0.1,
        "alpha": 1e-3,
        "max_rows": 20_000,
        "directions": directions(truth.size),
        "by_norm": True,
        "seek_kind": True,
    }
    return BiasPlan(**{**fields, **changes})


def decide(plan: BiasPlan, draw: Draw) -> BiasVerdict:
    """Run a cell on rows of errors ``[n, d]``."""
    test, stage, moments = BiasTest(plan), "screen", Moments.empty(len(plan.channel_names))
    while test.verdict is None:
        if test.stage != stage:
            stage, moments = test.stage, Moments.empty(len(test.plan.channel_names))
        rows = draw(test.next_look - moments.count)
        watched = test.plan.channels.project(rows)
        moments = moments.merge(Moments.from_rows(watched, first_row=moments.count))
        test.update(moments, Batches.from_rows(rows))
    return test.verdict


def noisy(seed: int, mean: np.ndarray, truth: np.ndarray = TRUTH, sigma: float = 2.0) -> Draw:
    """Return rows of a gradient of a given mean, less the truth."""
    rng = np.random.default_rng(seed)
    return lambda n: mean - truth + rng.normal(0, sigma, size=(n, truth.size))


def turned(degrees: float) -> np.ndarray:
    across = np.array([0.0, 5.0, 0.0])
    return math.cos(math.radians(degrees)) * TRUTH + math.sin(math.radians(degrees)) * across


def test_a_sound_vector_needs_fewer_rows_than_its_coordinates() -> None:
    """Twenty cells of eight coordinates; the norm needs less than half of the rows in all, and both accept."""
    rows, truth = {}, np.ones(8)
    for by_norm in (True, False):
        plan = a_vector_plan(truth, by_norm=by_norm, max_rows=200_000)
        verdicts = [decide(plan, noisy(seed, truth, truth)) for seed in range(20)]
        assert [verdict.outcome for verdict in verdicts] == ["unbiased"] * 20
        rows[by_norm] = sum(verdict.num_samples for verdict in verdicts)
    assert rows[True] < 0.5 * rows[False]


def test_false_alarms() -> None:
    """alpha .05, 100 cells that cannot be accepted: above 11 has a probability of .004 at that rate. Both stages must err."""
    plan = a_vector_plan(alpha=0.05, r_target=1e-6, r_accept=1e-6, max_rows=4000)
    outcomes = [decide(plan, noisy(seed, TRUTH)).outcome for seed in range(100)]
    assert outcomes.count("biased") <= 11
    assert outcomes.count("unbiased") == 0


@pytest.mark.parametrize("direction", [[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])
def test_a_bias_at_the_tolerance_is_rarely_accepted(direction: list[float]) -> None:
    """100 cells with the norm of the bias at r_accept, which is r_target: above 11 has a probability of .004 at .05."""
    plan = a_vector_plan(r_target=0.1, r_accept=0.1, max_rows=8000)
    unit = np.array(direction) / np.linalg.norm(direction)
    verdicts = [decide(plan, noisy(seed, TRUTH + 0.5 * unit)) for seed in range(100)]
    assert sum(verdict.outcome == "unbiased" for verdict in verdicts) <= 11


def test_a_bias_that_no_channel_shows_is_found_along_the_rows() -> None:
    """Forty coordinates, a bias across the gradient and spread over all: 30 of 40 cells or more; the last stage watches it."""
    truth = np.ones(40)
    across = np.where(np.arange(40) % 2, 1.0, -1.0) * 0.12
    verdicts = [decide(a_vector_plan(truth, max_rows=8000), noisy(seed, truth + across, truth, 3.0)) for seed in range(40)]
    assert sum(verdict.outcome == "biased" for verdict in verdicts) >= 30
    assert any(verdict.channel == "direction" for verdict in verdicts)


@pytest.mark.parametrize(
    ("mean", "kind", "scale", "angle"),
    [
        (0.75 * TRUTH, "rescaled", 0.75, 0.0),
        (-1.0 * TRUTH, "reversed", -1.0, 180.0),
        (0.0 * TRUTH, "zero", 0.0, None),
        (turned(31.0), "turned", math.cos(math.radians(31)), 31.0),
    ],
)
def test_kinds(mean: np.ndarray, kind: str, scale: float, angle: float | None) -> None:
    verdict = decide(a_vector_plan(max_rows=100_000), noisy(0, mean))
    assert (verdict.outcome, verdict.material, verdict.kind) == ("biased", "material", kind)
    assert verdict.scale is not None
    assert verdict.relative_error is not None
    assert verdict.scale["interval"][0] <= scale <= verdict.scale["interval"][1]
    error = float(np.linalg.norm(mean - TRUTH)) / 5
    assert verdict.relative_error["interval"][0] <= error <= verdict.relative_error["interval"][1]
    if angle is not None:
        assert verdict.angle is not None
        assert verdict.angle["interval"][0] <= angle <= verdict.angle["interval"][1]


def test_a_slightly_turned_gradient_is_rarely_called_right() -> None:
    """Scale .75, turned by just 2 degrees: of 40 cells above 6 have a probability of .003 at .05."""
    plan = a_vector_plan(max_rows=60_000)
    mean = 0.75 * turned(2.0)
    kinds = [decide(plan, noisy(seed, mean, sigma=1.5)).kind for seed in range(40)]
    assert kinds.count("rescaled") <= 6


def test_an_absent_alarm_would_call_it_right_almost_always() -> None:
    """The planted bug: a direction called right because no turn was seen at the look that found the bias."""
    mean = 0.75 * turned(4.0)
    unseen = 0
    for seed in range(20):
        verdict = decide(a_vector_plan(max_rows=2000), noisy(seed, mean))
        assert verdict.angle is not None
        unseen += verdict.angle["interval"][0] <= 2.0
        assert verdict.kind in ("undetermined", "turned")
    assert unseen >= 10


def test_hopeless_rows_are_not_drawn_for_the_kind() -> None:
    """Noise that needs a million rows to tell two degrees: the cell ends when its size is known."""
    verdict = decide(a_vector_plan(max_rows=20_000), noisy(1, 0.5 * TRUTH, sigma=8.0))
    assert (verdict.outcome, verdict.kind) == ("biased", "undetermined")
    assert verdict.num_samples < 20_000


SMALL = np.array([1.0, 0.03])


def test_a_small_coordinate_of_the_wrong_sign_is_named() -> None:
    """6 % of the whole: within the tolerance of the norm, and twice the coordinate itself."""
    verdict = decide(a_vector_plan(SMALL, max_rows=100_000), noisy(0, np.array([1.0, -0.03]), SMALL, 0.3))
    assert (verdict.outcome, verdict.material) == ("biased", "negligible")
    assert [entry["coordinate"] for entry in verdict.coordinates] == [1]
    assert verdict.coordinates[0]["interval"][0] < -2 < verdict.coordinates[0]["interval"][1]


@pytest.mark.parametrize("seed", range(5))
def test_a_lost_small_coordinate_is_not_accepted_unseen(seed: int) -> None:
    """3 % of the whole: the first look would accept it, but it looks wrong by itself and is looked at again."""
    verdict = decide(a_vector_plan(SMALL, max_rows=100_000), noisy(seed, np.array([1.0, 0.0]), SMALL, 0.3))
    assert [entry["coordinate"] for entry in verdict.coordinates] == [1]


def test_sound_small_coordinates_are_not_named() -> None:
    verdicts = [decide(a_vector_plan(SMALL, max_rows=100_000), noisy(seed, SMALL, SMALL, 0.3)) for seed in range(60)]
    assert {verdict.outcome for verdict in verdicts} == {"unbiased"}
    assert not any(verdict.coordinates for verdict in verdicts)


def test_a_deterministic_vector_is_exact() -> None:
    verdict = decide(a_vector_plan(deterministic_rows=True), lambda n: np.tile(-0.25 * TRUTH, (n, 1)))
    assert (verdict.outcome, verdict.kind) == ("biased", "rescaled")
    assert verdict.scale == {"estimate": pytest.approx(0.75), "interval": pytest.approx((0.75, 0.75))}
    sound = decide(a_vector_plan(deterministic_rows=True), lambda n: np.zeros((n, 3)))
    assert (sound.outcome, sound.r) == ("unbiased", 0.0)


def test_rows_that_cannot_be_trusted_have_estimates_and_no_interval() -> None:
    """Infinite variance in one coordinate: the cell is inconclusive, and says nothing definite of the gradient."""
    rng = np.random.default_rng(0)
    verdict = decide(a_vector_plan(), lambda n: np.hstack([rng.normal(size=(n, 2)), rng.pareto(1.5, size=(n, 1)) - 2]))
    assert (verdict.outcome, verdict.reason) == ("inconclusive", "tail")
    assert verdict.relative_error is not None
    assert verdict.relative_error["interval"] == (0.0, math.inf)
    assert verdict.angle is not None
    assert verdict.angle["interval"] == (0.0, 180.0)


def test_a_vector_plan_needs_batch_sums() -> None:
    test = BiasTest(a_vector_plan())
    rows = test.plan.channels.project(np.zeros((1000, 3)))
    with pytest.raises(ValueError, match="no batch sums"):
        test.update(Moments.from_rows(rows))


def test_the_tolerance_of_a_channel_is_the_norms() -> None:
    plan = a_vector_plan()
    assert plan.unit == pytest.approx(5.0)
    assert plan.tolerance(0.1)[:4] == pytest.approx(0.5)
    assert float(plan.channels.shares.sum()) == pytest.approx(0.875)
    assert a_vector_plan(scale=np.full(3, 10.0)).unit == pytest.approx(10 * math.sqrt(3))
    assert a_vector_plan(np.zeros(2), scale=np.array([3.0, 4.0])).unit == pytest.approx(5.0)
    assert a_vector_plan(by_norm=False).channels.shares.sum() == pytest.approx(1.0)
