"""Forced noise: all numbers of a call lie at one end, whichever function draws them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Exponential, Normal
from torch.nn import functional

from gradverify.verification.checks.forced_noise import ForcedNoise

WEIGHTS = torch.tensor([0.2, 0.0, 0.5, 0.3])


@pytest.mark.parametrize(
    ("draw", "low", "high"),
    [
        (lambda: torch.rand(5), 0.0, 1 - 2.0**-24),
        (lambda: torch.empty(5).uniform_(2, 3), 2.0, 3 - 2.0**-22),
        (lambda: torch.randn(5, dtype=torch.float64), -6.0, 6.0),
        (lambda: torch.normal(torch.full((5,), 1.0), torch.full((5,), 0.5)), -2.0, 4.0),
        (lambda: Normal(torch.zeros(5), 2.0).sample(), -12.0, 12.0),
        (lambda: torch.bernoulli(torch.full((5,), 1e-9)), 0.0, 1.0),
        (lambda: Bernoulli(torch.full((5,), 1e-9)).sample(), 0.0, 1.0),
        (lambda: Exponential(torch.full((5,), 2.0)).sample(), 0.0, 12.5),
        (lambda: torch.multinomial(WEIGHTS, 1), 2.0, 0.0),
        (lambda: Categorical(WEIGHTS.expand(5, 4)).sample(), 2.0, 0.0),
    ],
)
def test_every_number_lies_at_the_end(draw: Callable[[], Tensor], low: float, high: float) -> None:
    for end, expected in ((False, low), (True, high)):
        noise = ForcedNoise(lambda end=end: end)
        with noise:
            drawn = draw()
        torch.testing.assert_close(drawn.double(), torch.full_like(drawn, expected, dtype=torch.float64))
        assert noise.complete


@pytest.mark.parametrize(
    "draw",
    [
        lambda: torch.randint(9, (5,)),
        lambda: torch.randperm(5),
        lambda: torch.poisson(WEIGHTS),
        lambda: functional.gumbel_softmax(torch.zeros(5, 3)),
    ],
)
def test_what_is_not_forced_is_told(draw: Callable[[], Tensor]) -> None:
    noise = ForcedNoise(lambda: False)
    with noise:
        draw()
    assert not noise.complete


def test_a_seed_may_be_drawn() -> None:
    noise, generator = ForcedNoise(lambda: False), torch.Generator().manual_seed(3)
    expected = torch.randint(2**60, (), generator=torch.Generator().manual_seed(3))
    with noise:
        assert torch.equal(torch.randint(2**60, (), generator=generator), expected)
    assert noise.complete


def test_a_mixture_leaves_some_calls_and_forces_others_either_way() -> None:
    with ForcedNoise.mix(0):
        drawn = {round(float(torch.rand(())), 6) for _ in range(40)}
    assert {0.0, 1.0} < drawn
