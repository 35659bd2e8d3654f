"""The recursion on finite chains: every published number, and enumeration on programs that are small enough for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical

from gradverify.estimators import MarkovProgram
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.verification.problems.objectives import Objective, exponential, indicator, polynomial
from gradverify.verification.problems.random_walk import walk_program
from gradverify.verification.truth.chains.alternatives import conditional_triple_moments
from gradverify.verification.truth.chains.chain import Chain, ReplicateMoments
from gradverify.verification.truth.chains.differences import coupled_difference_moments
from gradverify.verification.truth.chains.pathwise import smoothed_triple_moments, straight_through_moments
from gradverify.verification.truth.chains.score import leave_one_out_moments, score_moments
from gradverify.verification.truth.chains.slopes import SampleSlopes, sample_slopes
from gradverify.verification.truth.chains.tabulate import tabulate
from gradverify.verification.truth.chains.triples import pruned_triple_moments
from gradverify.verification.truth.recursion import chain_moments, rarest_outcome

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

SIZES = (10, 20, 50, 100, 200, 500)

# Exact variances of one replicate at p = n, for n in SIZES, and the exponent of the tail.
VARIANCES = {
    "score": ("52.2", "256", "2634", "17720", "1.29e5", "1.89e6", "2.95"),
    "baseline": ("18.4", "66.5", "378", "1456", "5709", "35240", "1.99"),
    "pair": ("34.6", "127", "739", "2876", "11340", "70280", "1.99"),
    "pruned": ("3.32", "10.2", "54.6", "208", "815", "5029", "1.99"),
    "dead_weight": ("4.62", "17.0", "103", "408", "1626", "10140", "2.00"),
    "conditional": ("0.69", "0.98", "1.86", "3.33", "6.27", "15.1", "0.97"),
    "difference": ("56.2", "86", "123", "220", "422", "1037", "0.99"),
    "smoothed": ("1.48", "2.91", "7.18", "14.3", "28.5", "71.3", "1.00"),
    "straight_through": ("1.98", "3.97", "9.92", "19.8", "39.7", "99.2", "1.00"),
}

# n, d/dp E[X^2], and at p = 2n the standard deviations of pruned and conditional triple, score, score with baseline E f
DEVIATIONS = [
    (10, 1.48981782, "0.985", "0.684", "3.80", "1.87"),
    (50, 7.55818819, "3.42", "1.27", "34.8", "10.6"),
    (100, 15.13490144, "6.50", "1.74", "94.4", "21.4"),
    (800, 121.19683906, "49.7", "4.78", "2051", "172"),
]


def point(p: float) -> Tensor:
    return torch.tensor(p, dtype=torch.float64)


def printed(value: float, text: str) -> bool:
    """Whether a value, rounded to the digits of a table's entry, is that entry."""
    digits = len(text.split("e")[0].replace(".", "").lstrip("0"))
    # In an integer of more than four digits the last ones are zeros that hold a place.
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


@cache
def walk_chain(n: int, factor: float = 1.0) -> Chain:
    """Of d/dp E[X^2] at p = factor n."""
    return tabulate(walk_program(n, SQUARE, "p"), point(factor * n))


@cache
def walk_slopes(n: int) -> SampleSlopes:
    return sample_slopes(walk_program(n, SQUARE, "p"), point(n))


def exact(name: str, n: int) -> float:
    """One replicate's exact variance at p = n; the pair's is per evaluation."""
    if name == "difference":
        return coupled_difference_moments(walk_chain(n, 1.05), walk_chain(n, 0.95), 0.1 * n).variance
    chain = walk_chain(n)
    recursions: dict[str, Callable[[], ReplicateMoments]] = {
        "score": lambda: score_moments(chain),
        "baseline": lambda: score_moments(chain, None),
        "pair": lambda: leave_one_out_moments(chain),
        "pruned": lambda: pruned_triple_moments(chain),
        "dead_weight": lambda: pruned_triple_moments(chain, dead_weight=True),
        "conditional": lambda: conditional_triple_moments(chain, {"one_sided": 1.0}),
        "smoothed": lambda: smoothed_triple_moments(chain, walk_slopes(n)),
        "straight_through": lambda: straight_through_moments(chain, walk_slopes(n)),
    }
    return (2 if name == "pair" else 1) * recursions[name]().variance


@pytest.mark.parametrize("name", VARIANCES)
def test_variances_at_p_equal_n(name: str) -> None:
    for n, text in zip(SIZES, VARIANCES[name][:-1], strict=True):
        assert printed(exact(name, n), text), (n, exact(name, n))


@pytest.mark.parametrize("name", VARIANCES)
def test_exponents_of_the_tail(name: str) -> None:
    """From n = 200 to n = 1000, without noise."""
    exponent = math.log(exact(name, 1000) / exact(name, 200)) / math.log(5)
    assert printed(exponent, VARIANCES[name][-1])


@pytest.mark.parametrize(("n", "gradient", "triple", "conditional", "score", "baseline"), DEVIATIONS)
def test_deviations_at_p_equal_two_n(n: int, gradient: float, triple: str, conditional: str, score: str, baseline: str) -> None:
    chain = walk_chain(n, 2.0)
    assert abs(score_moments(chain).mean - gradient) < 6e-9
    assert printed(pruned_triple_moments(chain).variance ** 0.5, triple)
    assert printed(conditional_triple_moments(chain, {"one_sided": 1.0}).variance ** 0.5, conditional)
    assert printed(score_moments(chain).variance ** 0.5, score)
    assert printed(score_moments(chain, None).variance ** 0.5, baseline)


@pytest.mark.parametrize(
    ("parameter", "objective", "one_sided", "leave_one_out", "pair"),
    [("p", SQUARE, "3.33", "29.6", "1438"), ("theta", LINEAR, "0.0147", "0.0017", "2.33")],
)
def test_flows_at_100(parameter: str, objective: Objective, one_sided: str, leave_one_out: str, pair: str) -> None:
    chain = tabulate(walk_program(100, objective, parameter), point(100.0 if parameter == "p" else 0.0))
    assert printed(conditional_triple_moments(chain, {"one_sided": 1.0}).variance, one_sided)
    assert printed(conditional_triple_moments(chain, {"leave_one_out": 1.0}).variance, leave_one_out)
    assert printed(leave_one_out_moments(chain).variance, pair)


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
