"""ReinMax against its formula at every outcome, its exact mean, and what it equals."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import OneHotCategorical

from gradverify.estimators import NotApplicableError, SmoothedTriple, StraightThrough, StraightThroughGumbelSoftmax, reinmax
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.reinmax import ReinMax
from gradverify.verification.problems.toys import polynomial_loss

from .polynomial_programs import (
    BITS,
    LOGITS_2,
    LOGITS_4,
    agrees,
    average,
    bit_chain,
    bit_logits,
    bit_program,
    check_extremes,
    check_formula,
    cubic,
    every_outcome,
    forced,
    index_program,
    jacobian,
    mean_of,
    one_hot_program,
    outcomes,
    power_of,
    replicates,
    slopes,
    true_gradient,
    weights,
    z_scores,
)


def formula(logits: Tensor, temperature: float) -> Tensor:
    """``2 J((p_tau + D) / 2) g - J(p) g / 2`` at every outcome, in the logits."""
    points = outcomes(*logits.shape)
    slope = slopes(cubic, points)
    midpoint = ((logits / temperature).softmax(-1) + points) / 2
    return 2 * jacobian(midpoint, slope) - jacobian(logits.softmax(-1), slope) / 2


def mean(logits: Tensor, temperature: float) -> Tensor:
    return mean_of(formula(logits, temperature), logits)


def quadratic(one_hot: Tensor) -> Tensor:
    """Degree two jointly, with products across elements."""
    scores = torch.sin(torch.arange(1.0, one_hot[0].numel() + 1, dtype=one_hot.dtype)).reshape(one_hot.shape[1:])
    total = (one_hot * scores).sum((-1, -2))
    return 5 + total + 2 * total.square()


@pytest.mark.parametrize("temperature", [1.0, 1.0 + 1e-13, 0.6, 1.3])
@pytest.mark.parametrize("logits", [LOGITS_2, LOGITS_4])
def test_formula_at_every_outcome(monkeypatch: pytest.MonkeyPatch, logits: Tensor, temperature: float) -> None:
    """The second temperature runs the general rule where it must equal the trapezoid."""
    check_formula(monkeypatch, reinmax, ReinMax(temperature), formula(logits, temperature), logits)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_mean_is_its_own_biased_mean(temperature: float) -> None:
    exact = mean(LOGITS_4, temperature)
    rows = replicates(ReinMax(temperature), one_hot_program(), LOGITS_4, 40_000)
    assert agrees(rows, exact)
    bias = exact - true_gradient(cubic, LOGITS_4)
    # The test would see the bias: it is far beyond the error of these rows.
    assert power_of(rows, bias) > 8


def test_bits_are_two_categories() -> None:
    exact = mean(bit_logits(BITS), 1.3)[:, 1]
    assert agrees(replicates(ReinMax(1.3), bit_program(), BITS, 20_000), exact)


@pytest.mark.parametrize("logits", [LOGITS_2, LOGITS_4])
def test_exact_for_joint_quadratics_at_temperature_one_only(monkeypatch: pytest.MonkeyPatch, logits: Tensor) -> None:
    points = outcomes(*logits.shape)
    forced(monkeypatch, reinmax, points.argmax(-1))
    truth = true_gradient(quadratic, logits)
    means = [
        average(weights(logits, points), every_outcome(ReinMax(each), one_hot_program(quadratic), logits, points))
        for each in (1.0, 1.3)
    ]
    torch.testing.assert_close(means[0], truth, rtol=1e-11, atol=1e-11)
    assert (means[1] - truth).abs().max() > 1e-2


def test_equals_smoothed_weights_for_two_categories() -> None:
    """``1 / (2 p_D)`` row by row: the rule that the tutorial has for bits."""
    for program, params in ((bit_program(), BITS), (bit_chain, torch.tensor([0.4, -1.1], dtype=torch.float64))):
        torch.testing.assert_close(
            replicates(ReinMax(), program, params, 200), replicates(SmoothedTriple(), program, params, 200)
        )
    points = outcomes(*LOGITS_2.shape)
    drawn = (points * LOGITS_2.softmax(-1)).sum(-1)
    slope = slopes(cubic, points)
    tutorial = jacobian(LOGITS_2.softmax(-1), slope) / (2 * drawn.unsqueeze(-1))
    torch.testing.assert_close(formula(LOGITS_2, 1.0), tutorial)


def test_equals_straight_through_at_zero() -> None:
    """At uniform probabilities of two categories the two rules are one."""
    zero = torch.zeros(3, 2, dtype=torch.float64)
    torch.testing.assert_close(
        replicates(ReinMax(), one_hot_program(), zero, 100), replicates(StraightThrough(), one_hot_program(), zero, 100)
    )
    away = replicates(StraightThrough(), one_hot_program(), LOGITS_2, 100)
    assert (replicates(ReinMax(), one_hot_program(), LOGITS_2, 100) - away).abs().max() > 0.1


@pytest.mark.parametrize(
    ("power", "loss", "true", "straight_through"),
    [(1.5, 0.35488, 0.026505, 0.013275), (2.0, 0.2525, 0.025, 0.025), (3.0, 0.12875, 0.018813, 0.0375)],
)
def test_polynomial_programming(
    monkeypatch: pytest.MonkeyPatch, power: float, loss: float, true: float, straight_through: float
) -> None:
    """The published toy at its start, one coordinate: 128 times the gradient in the logit of the one."""
    objective = polynomial_loss(power)
    zero = torch.zeros(1, 2, dtype=torch.float64)
    points = outcomes(1, 2)
    forced(monkeypatch, reinmax, points.argmax(-1))
    assert round(float(average(weights(zero, points), objective(points))), 5) == loss
    # The two-category logit is the difference of two, each of which carries the gradient up to its sign.
    assert round(float(true_gradient(objective, zero)[0, 1]), 6) == pytest.approx(true, abs=1.01e-6)
    rows = every_outcome(ReinMax(), one_hot_program(objective), zero, points)
    assert round(float(average(weights(zero, points), rows)[0, 1]), 6) == pytest.approx(straight_through, abs=1.01e-6)


@pytest.mark.parametrize("logit", [-1.7, 0.8])
def test_polynomial_programming_away_from_zero(monkeypatch: pytest.MonkeyPatch, logit: float) -> None:
    """Exact for the square alone, and unlike straight-through even there."""
    logits = torch.tensor([[0.0, logit]], dtype=torch.float64)
    points = outcomes(1, 2)
    probability = weights(logits, points)
    forced(monkeypatch, reinmax, points.argmax(-1))
    for power, exact in ((1.5, False), (2.0, True), (3.0, False)):
        objective = polynomial_loss(power)
        truth = true_gradient(objective, logits)
        error = average(probability, every_outcome(ReinMax(), one_hot_program(objective), logits, points)) - truth
        straight = average(probability, jacobian(logits.softmax(-1), slopes(objective, points))) - truth
        assert (error.abs().max() < 1e-13) == exact
        assert straight.abs().max() > 1e-3


def test_gumbel_softmax_tends_to_its_mean() -> None:
    """Straight-through Gumbel-Softmax at a small temperature: its mean by quadrature over the logistic noise."""
    logits = LOGITS_2
    points = outcomes(*logits.shape)
    slope = slopes(cubic, points)
    half_gap = (slope[..., 1] - slope[..., 0]) * (points[..., 1] - points[..., 0])
    distance = []
    for temperature in (0.2, 0.05):
        # J(y) / tau g in the difference of the logits; the noise that draws a category integrates over its side alone.
        grid = torch.linspace(0, 40 * temperature, 20_001, dtype=torch.float64)
        relaxed = torch.sigmoid(grid / temperature)
        side = points[..., 1] - points[..., 0]
        noise = side.unsqueeze(-1) * grid - (logits[:, 1] - logits[:, 0]).unsqueeze(-1)
        density = torch.sigmoid(noise) * torch.sigmoid(-noise)
        mass = torch.trapezoid(density * relaxed * (1 - relaxed) / temperature, grid, dim=-1)
        others = weights(logits, points).unsqueeze(-1) / (points * logits.softmax(-1)).sum(-1)
        limit = (mass * others * half_gap * side).sum(0)
        distance.append(float((limit - mean(logits, 1.0)[:, 1]).abs().max()))
    assert distance[1] < distance[0] / 3 < 0.1
    # And the implementation has the mean of that quadrature, at a false-fail rate of 1e-6.
    rows = replicates(StraightThroughGumbelSoftmax(0.05), one_hot_program(), logits, 50_000)
    assert agrees(rows[..., 1], limit)


def test_chained_index_program_runs_and_is_biased() -> None:
    """Sites that feed later sites are no longer exact, and the test can tell."""
    params = torch.tensor([0.4, -0.9, 0.2, -1.1], dtype=torch.float64)
    rows = replicates(ReinMax(), index_program, params, 20_000)
    assert z_scores(rows, enumerate_paths(index_program, params).gradient()).abs().max() > 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [1.0, 0.7, 1.4])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype, temperature: float) -> None:
    check_extremes(ReinMax(temperature), dtype)
    zero = torch.tensor([0.0, 0.25, 0.75, 0.0], dtype=dtype)
    program = one_hot_program()
    rows = replicates(
        ReinMax(temperature),
        lambda params, sample: program(params, lambda _: sample(OneHotCategorical(probs=params)).unsqueeze(1)),
        zero,
        50,
    )
    assert rows.isfinite().all()


def test_rows_are_the_seeds() -> None:
    first, again = (replicates(ReinMax(1.3), one_hot_program(), LOGITS_4, 5, seed=11) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == (5, *LOGITS_4.shape)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_refuses_a_temperature(temperature: float) -> None:
    with pytest.raises(NotApplicableError, match=r"ReinMax: temperature=.* must be positive"):
        ReinMax(temperature)


def test_claims_follow_the_temperature() -> None:
    assert (ReinMax().claims.exact_degree, ReinMax(1.3).claims.exact_degree) == (2, None)


def test_planted_weights_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights (1, 0), which are straight-through's, in place of (2, -1/2)."""
    monkeypatch.setattr(reinmax, "_trapezoid", lambda site, drawn: site.probabilities())
    rows = replicates(ReinMax(), one_hot_program(), LOGITS_4, 40_000)
    assert not agrees(rows, mean(LOGITS_4, 1.0))
