"""Straight-through without noise: the slope at the mode, once a row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import threshold_straight_through
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.sites.reading import Site
from gradverify.estimators.threshold_straight_through import ThresholdStraightThrough

from .polynomial_programs import (
    BITS,
    LOGITS_2,
    LOGITS_4,
    bit_logits,
    bit_program,
    check_extremes,
    cubic,
    index_program,
    jacobian,
    one_hot_program,
    replicates,
    slopes,
    true_gradient,
)


def slope_at_the_mode(logits: Tensor) -> Tensor:
    mode = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    return jacobian(logits.softmax(-1), slopes(cubic, mode.unsqueeze(0))[0])


@pytest.mark.parametrize("logits", [LOGITS_2, LOGITS_4])
def test_slope_at_the_mode(logits: Tensor) -> None:
    exact = slope_at_the_mode(logits)
    rows = replicates(ThresholdStraightThrough(), one_hot_program(), logits, 3)
    torch.testing.assert_close(rows, exact.expand_as(rows))
    assert (exact - true_gradient(cubic, logits)).abs().max() > 1e-2


def test_bits_are_two_categories() -> None:
    rows = replicates(ThresholdStraightThrough(), bit_program(), BITS, 3)
    torch.testing.assert_close(rows, slope_at_the_mode(bit_logits(BITS))[:, 1].expand_as(rows))


def test_a_bit_at_one_half_is_zero() -> None:
    def program(params: Tensor, sample: object) -> Tensor:
        value: Tensor = (1 + sample(Bernoulli(params))) ** 2  # type: ignore[operator]
        return value

    rows = replicates(ThresholdStraightThrough(), program, torch.tensor(0.5, dtype=torch.float64), 1)
    assert rows.tolist() == [2.0]


def test_chains_follow_the_modes() -> None:
    """Nothing is drawn: another generator, the same row; and the row is not the gradient."""
    params = torch.tensor([0.4, -0.9, 0.2], dtype=torch.float64)
    first, second = (replicates(ThresholdStraightThrough(), index_program, params, 2, seed=seed) for seed in (1, 2))
    assert torch.equal(first, second)
    assert torch.equal(first[0], first[1])
    assert (first[0] - enumerate_paths(index_program, params).gradient()).abs().max() > 1e-2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype) -> None:
    check_extremes(ThresholdStraightThrough(), dtype)


def test_planted_least_probable_category_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def rule(site: Site, generator: torch.Generator) -> Tensor:
        probabilities = site.probabilities()
        return plain(site, probabilities.detach().argmin(-1)) + probabilities - probabilities.detach()

    plain = threshold_straight_through.one_hot
    monkeypatch.setattr(threshold_straight_through, "_rule", rule)
    rows = replicates(ThresholdStraightThrough(), one_hot_program(), LOGITS_4, 1)
    assert (rows - slope_at_the_mode(LOGITS_4)).abs().max() > 1e-2
