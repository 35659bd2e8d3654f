"""Exact lines: the estimators that have one, and those that learn at their best."""

from __future__ import annotations

import math

import pytest

from gradverify.estimators import ESTIMATORS, ConditionalTripleControlVariate, FittedBaseline, ScoreFunction
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.studies.exact_lines import exact_lines
from gradverify.verification.truth.chains.alternatives import conditional_triple_moments
from gradverify.verification.truth.chains.control_variate import least_variance_shares
from gradverify.verification.truth.chains.score import score_moments
from gradverify.verification.truth.known_moments import problem_chain

WALKS = find_problems([f"random_walk:{n}/square/p" for n in (5, 10, 100)], quick=False)


def test_lines_hold_the_recursions_numbers() -> None:
    lines = exact_lines({name: ESTIMATORS[name] for name in ("score_function", "straight_through", "muprop")}, WALKS)
    assert set(lines) == {"score_function", "straight_through"}
    score = lines["score_function"]
    assert score.sizes == (5, 10, 100)
    assert score.variances[1] == score_moments(problem_chain(WALKS[1])).variance
    assert score.gradients == score.means
    assert score.relative_bias == (0.0, 0.0, 0.0)
    assert lines["straight_through"].relative_bias[1] == pytest.approx(0.0309, abs=1e-4)
    assert lines["straight_through"].tail() == ((), ())


def test_a_baseline_is_taken_as_fitted_for_ever() -> None:
    lines = exact_lines({"fitted": FittedBaseline(), "plain": ScoreFunction()}, WALKS)
    assert lines["fitted"].variances[2] == pytest.approx(1456.39, abs=0.01)
    assert lines["plain"].variances[2] > 10_000


def test_shares_of_least_variance() -> None:
    """No other shares do better, and the line quotes what they give: 0.233 at n = 100."""
    lines = exact_lines({"mixed": ConditionalTripleControlVariate()}, WALKS)
    assert lines["mixed"].variances[2] == pytest.approx(0.233, abs=5e-4)
    chain = problem_chain(WALKS[1])
    upward, downward = least_variance_shares(chain)

    def variance(a: float, b: float) -> float:
        return conditional_triple_moments(chain, {"leave_one_out": 1 - a - b, "upward": a, "downward": b}).variance

    least = variance(upward, downward)
    for angle in range(8):
        a, b = 0.05 * math.cos(math.pi * angle / 4), 0.05 * math.sin(math.pi * angle / 4)
        assert variance(upward + a, downward + b) > least - 1e-12
    assert lines["mixed"].variances[1] == pytest.approx(least, rel=1e-9)


def test_progress_is_told_of_every_size() -> None:
    told: list[tuple[int, int]] = []
    exact_lines({"plain": ScoreFunction()}, WALKS, lambda done, total, name: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
