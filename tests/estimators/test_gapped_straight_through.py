"""Gapped straight-through against its formula at every outcome and its exact mean."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from gradverify.estimators import NotApplicableError, gapped_straight_through
from gradverify.estimators.gapped_straight_through import GappedStraightThrough

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
    jacobian,
    mean_of,
    one_hot_program,
    outcomes,
    power_of,
    replicates,
    slopes,
    true_gradient,
)


def formula(logits: Tensor, temperature: float, gap: float | None) -> Tensor:
    """One element at a time: raise the drawn logit to the top, push the others a gap below."""
    points = outcomes(*logits.shape)
    probabilities = logits.softmax(-1)
    moved = logits.expand(points.shape).clone()
    for row, element in itertools.product(range(len(points)), range(len(logits))):
        drawn = int(points[row, element].argmax())
        p = float(probabilities[element, drawn])
        top = float(logits[element].max())
        margin = -math.log(1 - p) / p if gap is None else gap
        for k in range(logits.shape[1]):
            own = float(logits[element, k])
            moved[row, element, k] = top if k == drawn else min(own, top - margin)
    return jacobian((moved / temperature).softmax(-1), slopes(cubic, points)) / temperature


def mean(logits: Tensor, temperature: float, gap: float | None) -> Tensor:
    return mean_of(formula(logits, temperature, gap), logits)


@pytest.mark.parametrize("gap", [0.0, 1.0, 2.5, None])
@pytest.mark.parametrize("logits", [LOGITS_2, LOGITS_4])
def test_formula_at_every_outcome(monkeypatch: pytest.MonkeyPatch, logits: Tensor, gap: float | None) -> None:
    estimator = GappedStraightThrough(0.7, gap)
    check_formula(monkeypatch, gapped_straight_through, estimator, formula(logits, 0.7, gap), logits)


@pytest.mark.parametrize("gap", [1.0, None])
def test_mean_is_its_own_biased_mean(gap: float | None) -> None:
    exact = mean(LOGITS_4, 0.7, gap)
    rows = replicates(GappedStraightThrough(0.7, gap), one_hot_program(), LOGITS_4, 30_000)
    assert agrees(rows, exact)
    assert power_of(rows, exact - true_gradient(cubic, LOGITS_4)) > 8
    bits = replicates(GappedStraightThrough(0.7, gap), bit_program(), BITS, 30_000)
    assert agrees(bits, mean(bit_logits(BITS), 0.7, gap)[:, 1])


def test_expected_gap_is_the_margin_of_conditional_gumbels() -> None:
    """The margin of a Gumbel race that its winner has won, averaged by quadrature over the logistic noise."""
    for p in (0.05, 0.5, 0.93):
        uniform = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
        margin = torch.log1p(uniform / ((1 - uniform) * (1 - p)))
        formula = gapped_straight_through._expected_gap(torch.tensor(p, dtype=torch.float64))
        # The midpoint rule's error is that of the logarithm at the end, about 1e-5.
        assert abs(float(margin.mean() - formula)) < 2e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", [1.0, None])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype, gap: float | None) -> None:
    check_extremes(GappedStraightThrough(gap=gap), dtype)


@pytest.mark.parametrize(
    ("temperature", "gap", "word"), [(0.0, 1.0, "temperature"), (1.0, -0.1, "gap"), (1.0, math.nan, "gap")]
)
def test_refuses_by_name(temperature: float, gap: float, word: str) -> None:
    with pytest.raises(NotApplicableError, match=f"gapped straight-through: {word}="):
        GappedStraightThrough(temperature, gap)


def test_planted_missing_raise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are pushed down and the drawn logit stays where it is."""

    class Sunk(GappedStraightThrough):
        def _shift(self, logits: Tensor, drawn: Tensor) -> Tensor:
            return super()._shift(logits, drawn).clamp(max=0)

    rows = replicates(Sunk(0.7, 1.0), one_hot_program(), LOGITS_4, 30_000)
    assert not agrees(rows, mean(LOGITS_4, 0.7, 1.0))
