"""Decoupled straight-through against its formula, its exact mean and what it equals."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradverify.estimators import NotApplicableError, StraightThrough, decoupled_straight_through
from gradverify.estimators.decoupled_straight_through import DecoupledStraightThrough
from gradverify.estimators.softmax_straight_through import SoftmaxStraightThrough

from .polynomial_programs import (
    BITS,
    LOGITS_2,
    LOGITS_4,
    agrees,
    bit_logits,
    bit_program,
    check_extremes,
    check_formula,
    cubic,
    index_program,
    jacobian,
    mean_of,
    one_hot_program,
    outcomes,
    power_of,
    replicates,
    slopes,
    true_gradient,
)


def formula(logits: Tensor, backward: float) -> Tensor:
    slope = slopes(cubic, outcomes(*logits.shape))
    return jacobian((logits / backward).softmax(-1), slope) / backward


def mean(logits: Tensor, forward: float, backward: float) -> Tensor:
    """The outcomes come at the forward temperature, the slope's weights at the backward one."""
    return mean_of(formula(logits, backward), logits / forward)


@pytest.mark.parametrize("logits", [LOGITS_2, LOGITS_4])
def test_formula_at_every_outcome(monkeypatch: pytest.MonkeyPatch, logits: Tensor) -> None:
    estimator = DecoupledStraightThrough(0.6, 1.8)
    check_formula(monkeypatch, decoupled_straight_through, estimator, formula(logits, 1.8), logits)


@pytest.mark.parametrize(("forward", "backward"), [(0.5, 2.0), (1.6, 0.7)])
def test_mean_is_its_own_biased_mean(forward: float, backward: float) -> None:
    exact = mean(LOGITS_4, forward, backward)
    rows = replicates(DecoupledStraightThrough(forward, backward), one_hot_program(), LOGITS_4, 30_000)
    assert agrees(rows, exact)
    assert power_of(rows, exact - true_gradient(cubic, LOGITS_4)) > 8
    bits = replicates(DecoupledStraightThrough(forward, backward), bit_program(), BITS, 30_000)
    assert agrees(bits, mean(bit_logits(BITS), forward, backward)[:, 1])


def test_forward_temperature_one_is_softmax_straight_through() -> None:
    for program, params in ((one_hot_program(), LOGITS_4), (bit_program(), BITS), (index_program, LOGITS_4[0])):
        rows = replicates(DecoupledStraightThrough(1.0, 1.8), program, params, 100)
        torch.testing.assert_close(rows, replicates(SoftmaxStraightThrough(1.8), program, params, 100))
        plain = replicates(StraightThrough(), program, params, 100)
        torch.testing.assert_close(replicates(DecoupledStraightThrough(1.0, 1.0), program, params, 100), plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype) -> None:
    check_extremes(DecoupledStraightThrough(), dtype)


@pytest.mark.parametrize("temperatures", [(0.0, 1.0), (1.0, -1.0)])
def test_refuses_a_temperature(temperatures: tuple[float, float]) -> None:
    with pytest.raises(NotApplicableError, match=r"decoupled straight-through: (forward|backward)_temperature"):
        DecoupledStraightThrough(*temperatures)


def test_claims_follow_the_temperatures() -> None:
    assert DecoupledStraightThrough(1.0, 1.0).claims.exact_degree == 1
    assert DecoupledStraightThrough(1.0, 0.5).claims.exact_degree is None


def test_planted_swapped_temperatures_are_caught() -> None:
    rows = replicates(DecoupledStraightThrough(2.0, 0.5), one_hot_program(), LOGITS_4, 30_000)
    assert not agrees(rows, mean(LOGITS_4, 0.5, 2.0))
