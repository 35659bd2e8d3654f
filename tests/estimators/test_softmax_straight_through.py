"""Straight-through with a temperature backward: its formula at every outcome, its exact mean and variance."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradverify.estimators import NotApplicableError, StraightThrough, softmax_straight_through
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.softmax_straight_through import SoftmaxStraightThrough

from .polynomial_programs import (
    BITS,
    LOGITS_2,
    LOGITS_4,
    agrees,
    bit_chain,
    bit_logits,
    bit_program,
    check_extremes,
    check_formula,
    cubic,
    index_program,
    jacobian,
    mean_of,
    multilinear,
    one_hot_program,
    outcomes,
    power_of,
    replicates,
    slopes,
    true_gradient,
)


def formula(logits: Tensor, temperature: float) -> Tensor:
    """``J(softmax(theta / tau)) / tau g`` at every outcome."""
    slope = slopes(cubic, outcomes(*logits.shape))
    return jacobian((logits / temperature).softmax(-1), slope) / temperature


def mean(logits: Tensor, temperature: float) -> Tensor:
    return mean_of(formula(logits, temperature), logits)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("logits", [LOGITS_2, LOGITS_4])
def test_formula_at_every_outcome(monkeypatch: pytest.MonkeyPatch, logits: Tensor, temperature: float) -> None:
    estimator = SoftmaxStraightThrough(temperature)
    check_formula(monkeypatch, softmax_straight_through, estimator, formula(logits, temperature), logits)


def test_exact_mean_and_variance() -> None:
    rows = formula(LOGITS_4, 0.7)
    found = exact_moments(SoftmaxStraightThrough(0.7), one_hot_program(), LOGITS_4)
    torch.testing.assert_close(found[0], mean(LOGITS_4, 0.7))
    torch.testing.assert_close(found[1], mean_of((rows - found[0]).square(), LOGITS_4))


def test_temperature_one_is_the_plain_rule() -> None:
    for program, params in ((one_hot_program(), LOGITS_4), (bit_program(), BITS)):
        plain = replicates(StraightThrough(), program, params, 100)
        torch.testing.assert_close(replicates(SoftmaxStraightThrough(1.0), program, params, 100), plain)


def test_exact_for_multilinear_objectives_at_temperature_one_only() -> None:
    truth = true_gradient(multilinear, LOGITS_4)
    for estimator, exact in ((SoftmaxStraightThrough(1.0), True), (SoftmaxStraightThrough(0.5), False)):
        error = exact_moments(estimator, one_hot_program(multilinear), LOGITS_4)[0] - truth
        assert (error.abs().max() < 1e-12) == exact


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_mean_is_its_own_biased_mean(temperature: float) -> None:
    exact = mean(bit_logits(BITS), temperature)[:, 1]
    rows = replicates(SoftmaxStraightThrough(temperature), bit_program(), BITS, 20_000)
    assert agrees(rows, exact)
    assert power_of(rows, exact - true_gradient(cubic, bit_logits(BITS))[:, 1]) > 8


def test_chained_programs_run_and_are_biased() -> None:
    """The difference is far larger than rounding, and exact."""
    for program, params in (
        (index_program, torch.tensor([0.4, -0.9, 0.2], dtype=torch.float64)),
        (bit_chain, torch.tensor([0.4, -1.1], dtype=torch.float64)),
    ):
        found, _ = exact_moments(SoftmaxStraightThrough(0.7), program, params)
        assert (found - enumerate_paths(program, params).gradient()).abs().max() > 1e-2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype, temperature: float) -> None:
    check_extremes(SoftmaxStraightThrough(temperature), dtype)


@pytest.mark.parametrize("temperature", [0.0, -2.0])
def test_refuses_a_temperature(temperature: float) -> None:
    with pytest.raises(NotApplicableError, match="softmax straight-through: temperature"):
        SoftmaxStraightThrough(temperature)


def test_claims_follow_the_temperature() -> None:
    assert (SoftmaxStraightThrough(1.0).claims.exact_degree, SoftmaxStraightThrough().claims.exact_degree) == (1, None)


def test_planted_reversed_trick_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trick assembled the wrong way round: forward the probabilities."""
    monkeypatch.setattr(softmax_straight_through, "one_hot", lambda site, index: site.probabilities().detach())
    rows = replicates(SoftmaxStraightThrough(1.0), one_hot_program(), LOGITS_4, 20_000)
    assert not agrees(rows, mean(LOGITS_4, 1.0))


def test_planted_missing_temperature_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tempered probabilities with the derivative of the plain ones."""
    monkeypatch.setattr(softmax_straight_through, "temper", lambda site, temperature: site.probabilities())
    rows = replicates(SoftmaxStraightThrough(0.5), one_hot_program(), LOGITS_2, 20_000)
    assert not agrees(rows, mean(LOGITS_2, 0.5))
