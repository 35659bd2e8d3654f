"""Straight-through is right when its mean is the biased mean that its definition implies."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import (
    AgentTorchBernoulli,
    AgentTorchFloatCategorical,
    AgentTorchStraightThroughBernoulli,
    DecoupledStraightThrough,
    Estimator,
    GappedStraightThrough,
    GumbelRao,
    ImplicitMLE,
    ReinMax,
    Sample,
    Simple,
    SoftmaxStraightThrough,
    StraightThrough,
    StraightThroughGumbelSoftmax,
    ThresholdStraightThrough,
    straight_through,
)
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.protocol import describe

from .intervals import QUANTILE, variance_z_score, z_scores
from .programs import chain_of_one_hots, coin, outcome_table, random_walk

P = torch.tensor(0.3, dtype=torch.float64)

HARD: list[Estimator] = [
    StraightThrough(),
    SoftmaxStraightThrough(),
    DecoupledStraightThrough(),
    ThresholdStraightThrough(),
    GappedStraightThrough(),
    StraightThroughGumbelSoftmax(),
    GumbelRao(),
    ReinMax(),
    ReinMax(0.7),
    ImplicitMLE(),
    Simple(),
    AgentTorchBernoulli(),
    AgentTorchStraightThroughBernoulli(),
    AgentTorchFloatCategorical(),
]
"""Those that hand the program hard samples with a gradient."""


@pytest.mark.parametrize(
    ("objective", "mean", "truth"),
    [
        pytest.param(lambda bit: (bit + 1) ** 2, 2.6, 3.0, id="square"),
        pytest.param(lambda bit: (bit + 1) ** 3, 5.7, 7.0, id="cube"),
        pytest.param(torch.exp, 0.7 + 0.3 * math.e, math.e - 1, id="exp"),
        pytest.param(lambda bit: 4 * bit, 4.0, 4.0, id="linear"),
    ],
)
def test_the_mean_on_one_bit_is_the_mean_slope(objective: Callable[[Tensor], Tensor], mean: float, truth: float) -> None:
    """``E f'(b)`` for ``f(1) - f(0)``: 2.6 for 3, 5.7 for 7, 1.516 for 1.718."""
    program = coin(objective)
    assert float(outcome_table(StraightThrough(), program, P)) == pytest.approx(mean, rel=1e-12)
    assert float(enumerate_paths(program, P).gradient()) == pytest.approx(truth, rel=1e-12)
    rows = StraightThrough()(program, P, 100_000, torch.Generator().manual_seed(1))
    assert z_scores(rows, mean) < QUANTILE


def test_rows_are_the_softmax_derivative_at_the_hard_sample() -> None:
    """``J(p) grad f(D)`` with J = diag(p) - p p^T; one-hot and index texts of f differ in grad f alone."""
    logits = torch.tensor([0.5, -1.0, 0.3, -2.1], dtype=torch.float64)
    probs = logits.softmax(0)
    jacobian = probs.diag() - probs.outer(probs)
    table = torch.tensor([1.0, -2.0, 0.5, 4.0], dtype=torch.float64)
    seen: list[Tensor] = []

    def one_hot_text(params: Tensor, sample: Sample) -> Tensor:
        vector = sample(OneHotCategorical(logits=params))
        seen.append(vector.detach())
        return (vector @ table) ** 3

    def index_text(params: Tensor, sample: Sample) -> Tensor:
        index = sample(Categorical(logits=params))
        seen.append(index.detach())
        return index**3

    rows = StraightThrough()(one_hot_text, logits, 200, torch.Generator().manual_seed(1))
    torch.testing.assert_close(rows, (3 * (seen[0] @ table) ** 2).unsqueeze(1) * (jacobian @ table))
    rows = StraightThrough()(index_text, logits, 200, torch.Generator().manual_seed(1))
    steps = torch.arange(4, dtype=torch.float64)
    torch.testing.assert_close(rows, (3 * seen[1] ** 2).unsqueeze(1) * (jacobian @ steps))


def test_linear_objectives_of_independent_samples_are_exact() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        first, second = (sample(OneHotCategorical(logits=sign * params)) for sign in (1, -1))
        return 2 + first[:, 0] - 3 * first[:, 2] * second[:, 1] + second[:, 0]

    params = torch.tensor([0.3, -0.4, 1.6], dtype=torch.float64)
    torch.testing.assert_close(outcome_table(StraightThrough(), program, params), enumerate_paths(program, params).gradient())


def test_the_chain_shows_its_bias() -> None:
    params = torch.tensor([0.3, -0.4, 0.6], dtype=torch.float64)
    mean = outcome_table(StraightThrough(), chain_of_one_hots, params)
    exact = enumerate_paths(chain_of_one_hots, params).gradient()
    assert (mean - exact).abs().max() > 0.1 * exact.abs().max()
    rows = StraightThrough()(chain_of_one_hots, params, 100_000, torch.Generator().manual_seed(1))
    assert (z_scores(rows, mean) < QUANTILE).all()
    assert (z_scores(rows, exact) > QUANTILE).any()


def test_the_variance_on_the_walk_is_the_exact_one() -> None:
    """1.99 at n = p = 10, quoted to three digits; kurtosis interval, false-fail rate 9.6e-7."""
    rows = StraightThrough()(
        random_walk(10), torch.tensor(10.0, dtype=torch.float64), 100_000, torch.Generator().manual_seed(1)
    )
    distance, visible = variance_z_score(rows, 1.99, rounding=0.005)
    assert visible < 0.05
    assert distance < QUANTILE


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", HARD, ids=lambda each: type(each).__name__)
def test_hard_samples_are_whole_numbers_to_the_last_bit(estimator: Estimator, dtype: torch.dtype) -> None:
    """A state of 1e-16 is not 0 and an index of 0.9999 is not 1 to a program that compares, whatever carries the gradient."""
    assert _inexact(estimator, dtype) == 0


def test_a_rounded_sample_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the carrier added and taken off again, as it usually stands in print."""
    monkeypatch.setattr(straight_through, "carrying", lambda value, carrier: value + carrier - carrier.detach())
    assert _inexact(StraightThrough(), torch.float64) > 0


def _inexact(estimator: Estimator, dtype: torch.dtype) -> int:
    """Count the bits and categories handed to the program that are not whole numbers."""
    seen: list[Tensor] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        for site in describe(estimator).sites:
            if site in (Bernoulli, Categorical, OneHotCategorical):
                value = sample(site(logits=params))
                seen.append(value.detach())
        return value.reshape(len(params), -1).sum(1)

    estimator(program, torch.linspace(-2.1, 1.9, 30, dtype=dtype), 500, torch.Generator().manual_seed(1))
    return sum(int((each != each.round()).sum()) for each in seen)


def test_an_indicator_has_no_slope() -> None:
    rows = StraightThrough()(coin(lambda bit: (bit > 0.5).double()), P, 5, torch.Generator())
    assert not rows.any()
