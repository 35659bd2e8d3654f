"""Exact variances: to whom they apply, and that sampled ones match them."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Categorical

from gradverify.estimators import (
    ESTIMATORS,
    ConditionalTriple,
    ConditionalTripleControlVariate,
    Estimator,
    FiniteDifference,
    FittedBaseline,
    FlipAll,
    LeaveOneOut,
    ReinMax,
    ScoreFunction,
    SmoothedTriple,
    StochasticTriple,
    StraightThrough,
)
from gradverify.estimators.protocol import describe
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.problems import registered_problems
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.statistics.moments import Moments
from gradverify.verification.statistics.variance import variance_interval
from gradverify.verification.truth.known_moments import has_known_variance, known_moments, known_variance

from ..targets.wrong import Subclassed

WALK = registered_problems()["random_walk:10/square/p"]


@pytest.mark.parametrize(
    "estimator",
    [
        ScoreFunction(),
        ScoreFunction(20.0),
        LeaveOneOut(2),
        LeaveOneOut(4),
        StochasticTriple(),
        ConditionalTriple(),
        ConditionalTripleControlVariate(0.4, 0.2),
        FlipAll(),
        SmoothedTriple(),
        StraightThrough(),
        FiniteDifference(),
    ],
    ids=lambda each: repr(each),
)
@pytest.mark.parametrize("name", ["random_walk:10/square/p", "random_walk:20/square/p", "random_walk:10/indicator/p"])
def test_sampled_variance_lies_in_the_interval_of_the_exact_one(estimator: Estimator, name: str) -> None:
    """20,000 rows at 1e-6; the half-width, below ln 1.42, is asserted: a variance off by a factor of two is found."""
    problem = registered_problems()[name]
    if problem.name.endswith("indicator/p") and isinstance(estimator, SmoothedTriple | StraightThrough):
        pytest.skip("the derivative of an indicator's sample is zero, and so is the variance")
    exact = known_variance(estimator, problem)
    assert exact is not None
    rows = estimator(problem.program, problem.params, 20_000, torch.Generator().manual_seed(5))
    moments = Moments.from_rows(rows.reshape(-1, 1).numpy())
    low, high = variance_interval(moments, confidence=1 - 1e-6)
    assert low < exact < high
    assert math.log(high / low) / 2 < 0.35


def test_a_fitted_baseline_has_the_variance_of_its_own_baseline() -> None:
    fitted = FittedBaseline().fit(WALK.program, WALK.params, num_samples=2000, generator=torch.Generator().manual_seed(0))
    assert known_variance(fitted, WALK) == known_variance(ScoreFunction(fitted.baseline), WALK)
    assert has_known_variance(FittedBaseline(), WALK)


def test_a_subclass_is_not_taken_for_its_parent() -> None:
    assert not has_known_variance(Subclassed(), WALK)
    assert known_variance(Subclassed(), WALK) is None


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert known_variance(ScoreFunction(), registered_problems()["chain:4/cubic/theta"]) is None
    assert known_variance(ScoreFunction(), registered_problems()["bernoulli:0.3/cubic/p"]) is None
    assert known_variance(ReinMax(temperature=0.5), WALK) is None
    for name in ("enumeration", "muprop", "gumbel_softmax"):
        assert not has_known_variance(ESTIMATORS[name], WALK)


@pytest.mark.parametrize("name", ["random_walk:3/square/p", "random_walk:3/linear/theta", "random_walk_categorical:3/square/p"])
def test_registered_estimators_have_the_moments_of_exact_mode(name: str) -> None:
    """Every estimator that has a recursion, by name, against all outcomes of its own randomness."""
    (problem,) = find_problems([name], quick=False)
    compared = 0
    for estimator in ESTIMATORS.values():
        known = known_moments(estimator, problem)
        if known is None or (problem.family == "random_walk_categorical" and Categorical not in describe(estimator).sites):
            continue
        mean, variance = exact_moments(estimator, problem.program, problem.params)
        assert known.mean == pytest.approx(float(mean), abs=1e-11)
        assert known.variance == pytest.approx(float(variance), abs=1e-10)
        compared += 1
    assert compared >= 16
