"""Gumbel-Rao against quadrature over its noise, and against straight-through Gumbel-Softmax."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradverify.estimators import NotApplicableError, Program, StraightThroughGumbelSoftmax, gumbel_rao
from gradverify.estimators.gumbel_rao import GumbelRao, conditional_gumbels
from gradverify.estimators.sites.reading import Site

from .polynomial_programs import (
    BITS,
    LOGITS_2,
    LOGITS_4,
    agrees,
    bit_logits,
    bit_program,
    check_extremes,
    cubic,
    index_program,
    one_hot_program,
    outcomes,
    power_of,
    replicates,
    slopes,
    true_gradient,
    weights,
)

TEMPERATURE = 0.5
INDEX_POINT = torch.tensor([0.4, -0.9, 0.2], dtype=torch.float64)


def derivative_moments(gap: Tensor) -> tuple[Tensor, Tensor]:
    """First and second moment of ``y (1 - y) / tau`` given the drawn one of two categories.

    The winner leads by a margin m > 0 whose density is the logistic one at m - (its logit gap), over its probability.

    Args:
        gap: The drawn category's logit minus the other's, any shape.
    """
    margin = torch.linspace(0, 60 * TEMPERATURE, 60_001, dtype=torch.float64)
    noise = margin - gap.unsqueeze(-1)
    density = torch.sigmoid(noise) * torch.sigmoid(-noise) / torch.sigmoid(gap).unsqueeze(-1)
    relaxed = torch.sigmoid(margin / TEMPERATURE)
    derivative = relaxed * (1 - relaxed) / TEMPERATURE
    return torch.trapezoid(density * derivative, margin, dim=-1), torch.trapezoid(density * derivative**2, margin, dim=-1)


def moments(logits: Tensor, num_noises: int) -> tuple[Tensor, Tensor]:
    """Exact mean and variance of the second logit's gradient, two categories."""
    points = outcomes(*logits.shape)
    slope = slopes(cubic, points)
    difference = slope[..., 1] - slope[..., 0]
    gap = (points[..., 1] - points[..., 0]) * (logits[:, 1] - logits[:, 0])
    first, second = derivative_moments(gap)
    weight = weights(logits, points).unsqueeze(-1)
    mean = (weight * first * difference).sum(0)
    square = first**2 + (second - first**2) / num_noises
    return mean, (weight * square * difference**2).sum(0) - mean**2


def variance_agrees(rows: Tensor, exact: Tensor) -> bool:
    """The sample variance against its exact value, |z| < 5.1: a false-fail rate of 1e-6 for three coordinates."""
    centred = (rows - rows.mean(0)).square()
    error = centred.std(0) / len(rows) ** 0.5
    return bool(((centred.mean(0) - exact).abs() < 5.1 * error).all())


@pytest.mark.parametrize("num_noises", [1, 8])
def test_mean_and_variance_by_quadrature(num_noises: int) -> None:
    mean, variance = moments(LOGITS_2, num_noises)
    rows = replicates(GumbelRao(TEMPERATURE, num_noises), one_hot_program(), LOGITS_2, 60_000)
    assert agrees(rows[..., 1], mean)
    assert agrees(rows[..., 0], -mean)
    assert variance_agrees(rows[..., 1], variance)
    assert power_of(rows[..., 1], mean - true_gradient(cubic, LOGITS_2)[:, 1]) > 8


def test_straight_through_gumbel_softmax_is_one_noise() -> None:
    """Mean and variance are those of Gumbel-Rao with a single noise; more noises leave the mean and shrink the variance."""
    mean, variance = moments(LOGITS_2, 1)
    rows = replicates(StraightThroughGumbelSoftmax(TEMPERATURE), one_hot_program(), LOGITS_2, 60_000)
    assert agrees(rows[..., 1], mean)
    assert variance_agrees(rows[..., 1], variance)
    assert not variance_agrees(rows[..., 1], moments(LOGITS_2, 10)[1])
    assert (moments(LOGITS_2, 10)[1] < 0.8 * variance).all()


@pytest.mark.parametrize(("program", "params"), [(one_hot_program(), LOGITS_4), (index_program, INDEX_POINT)])
def test_four_categories_and_chains_have_its_mean_with_less_variance(program: Program, params: Tensor) -> None:
    """Two independent samples of rows: their means' difference is tested against zero."""
    averaged = replicates(GumbelRao(TEMPERATURE, 10), program, params, 40_000, seed=1)
    plain = replicates(StraightThroughGumbelSoftmax(TEMPERATURE), program, params, 40_000, seed=2)
    assert agrees(averaged - plain, torch.zeros_like(params))
    # An error of a tenth of the mean would be seen.
    assert power_of(averaged - plain, 0.1 * averaged.mean(0)) > 8
    assert averaged.var(0).sum() < 0.9 * plain.var(0).sum()


def test_bits_are_two_categories() -> None:
    mean, variance = moments(bit_logits(BITS), 3)
    rows = replicates(GumbelRao(TEMPERATURE, 3), bit_program(), BITS, 40_000)
    assert agrees(rows, mean)
    assert variance_agrees(rows, variance)


def test_conditional_gumbels_have_the_gumbel_law() -> None:
    """Over draws of the category: ``exp(log p - z)`` is exponential, and independent between categories."""
    generator = torch.Generator().manual_seed(4)
    logits = LOGITS_4[0].log_softmax(-1).expand(100_000, 4)
    index = torch.multinomial(logits[0].exp(), len(logits), replacement=True, generator=generator)
    drawn = torch.nn.functional.one_hot(index, 4).to(logits.dtype)
    perturbed = conditional_gumbels(logits, drawn, generator)
    assert torch.equal(perturbed.argmax(-1), index)
    exponential = (logits - perturbed).exp()
    one = torch.ones(4, dtype=torch.float64)
    assert agrees(exponential, one)
    assert agrees(exponential.square(), 2 * one)
    assert agrees((exponential[:, :3] * exponential[:, 1:]), one[:3])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype) -> None:
    for temperature in (0.1, 0.5):
        check_extremes(GumbelRao(temperature), dtype)


@pytest.mark.parametrize(
    ("temperature", "num_noises", "word"), [(0.0, 1, "temperature"), (-1.0, 1, "temperature"), (0.5, 0, "num_noises")]
)
def test_refuses_by_name(temperature: float, num_noises: int, word: str) -> None:
    with pytest.raises(NotApplicableError, match=f"Gumbel-Rao: {word}="):
        GumbelRao(temperature, num_noises)


def test_planted_derivative_through_the_conditional_noise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The conditional Gumbels' own derivative in place of the shift's."""

    def rule(self: GumbelRao, site: Site, generator: torch.Generator) -> Tensor:
        drawn = gumbel_rao.one_hot(site, gumbel_rao.draw(site, generator))
        logits = site.log_probabilities().expand(self.num_noises, *site.shape, 2)
        relaxed = torch.softmax(conditional_gumbels(logits, drawn, generator) / self.temperature, dim=-1).mean(0)
        return drawn + relaxed - relaxed.detach()

    monkeypatch.setattr(GumbelRao, "rule", rule)
    rows = replicates(GumbelRao(TEMPERATURE, 8), one_hot_program(), LOGITS_2, 60_000)
    assert not agrees(rows[..., 1], moments(LOGITS_2, 8)[0])


def test_planted_unconditional_noise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh Gumbels that do not know the draw."""

    def unconditional(logits: Tensor, drawn: Tensor, generator: torch.Generator) -> Tensor:
        return logits - torch.empty_like(logits).exponential_(generator=generator).log()

    monkeypatch.setattr(gumbel_rao, "conditional_gumbels", unconditional)
    rows = replicates(GumbelRao(TEMPERATURE, 8), one_hot_program(), LOGITS_2, 60_000)
    assert not agrees(rows[..., 1], moments(LOGITS_2, 8)[0])
