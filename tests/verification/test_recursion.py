"""The recursion on finite chains: every published number, and enumeration on programs that are small enough for it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical

from gradverify.estimators import LeaveOneOut, MarkovProgram, ScoreFunction, StochasticTriple
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.exact import exact_moments
from gradverify.verification.problems.objectives import Objective, exponential, indicator, polynomial
from gradverify.verification.problems.random_walk import walk_program
from gradverify.verification.recursion import (
    chain_moments,
    leave_one_out_variance,
    rarest_outcome,
    score_variance,
    walk_triple_variance,
)

SQUARE, LINEAR = polynomial("square", 2), polynomial("linear", 1)

# n, d/dp E[X^2], d/dtheta E[X], E[X^2], E[X] at p = n
MEANS = [
    (10, 2.76488620, -0.73790713, 29.53888502, 5.14269260),
    (20, 5.35992865, -0.75987009, 106.85470032, 10.03816230),
    (50, 13.13598083, -0.76921262, 626.79073314, 24.73260058),
    (100, 26.09308889, -0.77197366, 2453.28396416, 49.22595758),
    (200, 52.00619912, -0.77330267, 9706.00959558, 98.21364663),
    (500, 129.74464902, -0.77408490, 60262.09186677, 245.17749058),
]

# n, and at p = n the variances of score, score with baseline E f, leave-one-out times two, pruned triple
VARIANCES = [
    (10, "52.2", "18.4", "34.6", "3.32"),
    (20, "256", "66.5", "127", "10.2"),
    (50, "2634", "378", "739", "54.6"),
    (100, "17720", "1456", "2876", "208"),
    (200, "1.29e5", "5709", "11340", "815"),
    (500, "1.89e6", "35240", "70280", "5029"),
]

# n, d/dp E[X^2], and at p = 2n the standard deviations of pruned triple, score, score with baseline E f
DEVIATIONS = [
    (10, 1.48981782, "0.985", "3.80", "1.87"),
    (50, 7.55818819, "3.42", "34.8", "10.6"),
    (100, 15.13490144, "6.50", "94.4", "21.4"),
    (800, 121.19683906, "49.7", "2051", "172"),
]


def point(p: float) -> Tensor:
    return torch.tensor(p, dtype=torch.float64)


def printed(value: float, text: str) -> bool:
    """Whether a value, rounded to the digits of a table's entry, is that entry."""
    digits = len(text.split("e")[0].replace(".", "").lstrip("0"))
    digits = digits if "." in text or "e" in text else min(digits, 4 if len(text) > 4 else len(text))
    return abs(value - float(text)) <= 0.5001 * 10 ** (math.floor(math.log10(abs(float(text)))) + 1 - digits)


def test_printed_is_strict() -> None:
    assert printed(17720.4, "17720")
    assert not printed(17800.0, "17720")
    assert printed(0.9847, "0.985")
    assert not printed(0.9861, "0.985")


@pytest.mark.parametrize(("n", "in_p", "in_theta", "second", "first"), MEANS)
def test_means_and_derivatives_to_eight_digits(n: int, in_p: float, in_theta: float, second: float, first: float) -> None:
    square = chain_moments(walk_program(n, SQUARE, "p"), point(n))
    linear = chain_moments(walk_program(n, LINEAR, "theta"), point(0.0))
    assert abs(float(square.gradient) - in_p) < 6e-9
    assert abs(float(linear.gradient) - in_theta) < 6e-9
    assert abs(square.mean - second) < 6e-9
    assert abs(linear.mean - first) < 6e-9


@pytest.mark.parametrize(("n", "score", "baseline", "pair", "triple"), VARIANCES)
def test_variances_at_p_equal_n(n: int, score: str, baseline: str, pair: str, triple: str) -> None:
    program, params = walk_program(n, SQUARE, "p"), point(n)
    mean = chain_moments(program, params).mean
    assert printed(score_variance(program, params), score)
    assert printed(score_variance(program, params, mean), baseline)
    assert printed(2 * leave_one_out_variance(program, params), pair)  # per evaluation
    assert printed(walk_triple_variance(program, params), triple)


@pytest.mark.parametrize(("n", "gradient", "triple", "score", "baseline"), DEVIATIONS)
def test_deviations_at_p_equal_two_n(n: int, gradient: float, triple: str, score: str, baseline: str) -> None:
    program, params = walk_program(n, SQUARE, "p"), point(2 * n)
    moments = chain_moments(program, params)
    assert abs(float(moments.gradient) - gradient) < 6e-9
    assert printed(walk_triple_variance(program, params) ** 0.5, triple)
    assert printed(score_variance(program, params) ** 0.5, score)
    assert printed(score_variance(program, params, moments.mean) ** 0.5, baseline)


@pytest.mark.parametrize("objective", [LINEAR, SQUARE, polynomial("cubic", 3), exponential(3.0), indicator(2.5)])
@pytest.mark.parametrize("parameter", ["p", "theta"])
def test_walk_agrees_with_enumeration(objective: Objective, parameter: str) -> None:
    program, params = walk_program(6, objective, parameter), point(5.5 if parameter == "p" else 0.0)
    paths, moments = enumerate_paths(program, params), chain_moments(program, params)
    assert moments.mean == pytest.approx(float(paths.mean()), rel=1e-12)
    assert float(moments.gradient) == pytest.approx(float(paths.gradient()), rel=1e-12)


def drifting(length: int) -> MarkovProgram:
    """Minus one, none or two up, by a softmax of three logits, of which the state shifts one; a vector parameter."""

    def site(params: Tensor, state: Tensor, k: int) -> Categorical:
        return Categorical(logits=params - 0.1 * (k + state).unsqueeze(-1) * params.new_tensor([0.0, 1.0, -1.0]))

    return MarkovProgram(
        num_steps=length,
        initial=lambda params: params.new_full((len(params),), 1.0),
        site=site,
        step=lambda state, value, k: state + value.square() / 2 + value / 2 - 1 + 0.0 * value,
        objective=lambda state: (state - 0.5) ** 3,
        states=torch.arange(1 - length, 2 * length + 2, dtype=torch.float64),
    )


def test_vector_chain_agrees_with_enumeration() -> None:
    program, params = drifting(5), torch.tensor([0.3, -0.7, 0.4], dtype=torch.float64)
    paths, moments = enumerate_paths(program, params), chain_moments(program, params)
    assert moments.mean == pytest.approx(float(paths.mean()), rel=1e-12)
    torch.testing.assert_close(moments.gradient, paths.gradient(), rtol=1e-12, atol=1e-14)


def test_single_precision_parameters_lose_nothing() -> None:
    program = walk_program(10, SQUARE, "p")
    assert float(chain_moments(program, torch.tensor(10.0)).gradient) == float(chain_moments(program, point(10.0)).gradient)


@pytest.mark.parametrize("parameter", ["p", "theta"])
def test_score_variances_agree_with_exact_mode(parameter: str) -> None:
    program, params = walk_program(5, SQUARE, parameter), point(5.0 if parameter == "p" else 0.5)
    for baseline in (0.0, 3.0):
        mean, variance = exact_moments(ScoreFunction(baseline), program, params)
        assert score_variance(program, params, baseline) == pytest.approx(float(variance), rel=1e-10)
        assert float(chain_moments(program, params).gradient) == pytest.approx(float(mean), rel=1e-10)


def test_pair_and_triple_variances_agree_with_exact_mode() -> None:
    program, params = walk_program(4, SQUARE, "p"), point(4.0)
    _, pair = exact_moments(LeaveOneOut(2), program, params)
    assert leave_one_out_variance(program, params) == pytest.approx(float(pair), rel=1e-10)
    _, triple = exact_moments(StochasticTriple(), program, params)
    assert walk_triple_variance(program, params) == pytest.approx(float(triple), rel=1e-10)


@pytest.mark.parametrize("n", [5, 8])
def test_rarest_outcome_agrees_with_enumeration(n: int) -> None:
    program, params = walk_program(n, SQUARE, "p"), point(n)
    paths = enumerate_paths(program, params)
    least = min(float(paths.weight[column == outcome].sum()) for column in paths.outcomes.T for outcome in column.unique())
    assert rarest_outcome(program, params) == pytest.approx(least, rel=1e-12)


def test_a_program_that_lists_no_states_is_refused() -> None:
    program = MarkovProgram(1, torch.zeros_like, lambda p, s, k: Categorical(p), lambda s, v, k: v, lambda s: s)
    with pytest.raises(ValueError, match=r"does not list its states; give MarkovProgram\(states=...\)"):
        chain_moments(program, point(1.0))
