"""Gumbel-Softmax against quadrature on one bit, where its relaxed sample is a logistic variable through a sigmoid.

Statistical tests: two-sided false-fail rate 9.6e-7; the smallest error that they find is asserted.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from scipy.integrate import quad
from scipy.special import expit
from torch import Tensor
from torch.distributions import OneHotCategorical

from gradverify.estimators import Estimator, GumbelSoftmax, NotApplicableError, Sample, StraightThroughGumbelSoftmax
from gradverify.estimators.sites.reading import BernoulliSite, CategoricalSite

from .intervals import QUANTILE, smallest_visible, z_scores
from .programs import coin

TEMPERATURES = [0.3, 0.5, 1.0, 2.0]
ESTIMATORS = [GumbelSoftmax, StraightThroughGumbelSoftmax]


def _quadrature(slope: Callable[[float], float], p: float, temperature: float, *, hard: bool) -> float:
    """``E f'(z) y (1 - y) / (tau p (1 - p))``, y = sigmoid((logit p + L) / tau), L logistic, z = y or 1[y > 1/2]."""

    def integrand(noise: float) -> float:
        relaxed = float(expit((math.log(p / (1 - p)) + noise) / temperature))
        density = float(expit(noise) * expit(-noise))
        place = float(relaxed > 0.5) if hard else relaxed
        return slope(place) * relaxed * (1 - relaxed) / (temperature * p * (1 - p)) * density

    # The sample moves only while it is undecided, within a few tau of the jump.
    jump, reach = -math.log(p / (1 - p)), 40 * temperature
    return sum(quad(integrand, *bounds, epsabs=1e-10)[0] for bounds in ((jump - reach, jump), (jump, jump + reach)))


@pytest.mark.parametrize("p", [0.3, 0.92])
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_the_mean_is_the_quadrature(kind: Callable[..., Estimator], temperature: float, p: float) -> None:
    """An objective with a third derivative, for which neither of the two is exact."""
    rows = kind(temperature=temperature)(
        coin(lambda bit: (bit + 1) ** 3), torch.tensor(p, dtype=torch.float64), 150_000, torch.Generator().manual_seed(1)
    )
    hard = kind is StraightThroughGumbelSoftmax
    mean = _quadrature(lambda place: 3 * (place + 1) ** 2, p, temperature, hard=hard)
    assert smallest_visible(rows) < 0.08 * mean
    assert z_scores(rows, mean) < QUANTILE


def test_a_missing_temperature_is_found() -> None:
    """Planted: the mean at tau = 0.5 is not the mean at tau = 1, nor is the relaxed mean the hard one's."""
    rows = GumbelSoftmax(temperature=0.5)(
        coin(lambda bit: (bit + 1) ** 3), torch.tensor(0.3, dtype=torch.float64), 150_000, torch.Generator().manual_seed(1)
    )
    for temperature, hard in ((1.0, False), (0.5, True)):
        mean = _quadrature(lambda place: 3 * (place + 1) ** 2, 0.3, temperature, hard=hard)
        assert z_scores(rows, mean) > QUANTILE


def test_a_low_temperature_tends_to_the_trapezoid_rule() -> None:
    """Straight-through: (f'(0) + f'(1)) / 2 = 7.5 for the cube, whose gradient is 7."""
    for hard, limit in ((True, 7.5), (False, 7.0)):
        assert _quadrature(lambda place: 3 * (place + 1) ** 2, 0.3, 1e-3, hard=hard) == pytest.approx(limit, abs=4e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_lie_in_the_simplex_and_hard_ones_at_its_corners(dtype: torch.dtype) -> None:
    site = CategoricalSite(torch.tensor([0.2, 0.5, 0.3], dtype=dtype).expand(100, 2, 3))
    relaxed = GumbelSoftmax(temperature=0.7).rule(site, torch.Generator().manual_seed(1))
    hard = StraightThroughGumbelSoftmax(temperature=0.7).rule(site, torch.Generator().manual_seed(1))
    torch.testing.assert_close(relaxed.sum(-1), torch.ones(100, 2, dtype=dtype))
    assert (relaxed > 0).all()
    torch.testing.assert_close(hard, torch.nn.functional.one_hot(relaxed.argmax(-1), 3).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_impossible_categories_make_no_nan(kind: Callable[..., GumbelSoftmax], dtype: torch.dtype) -> None:
    site = BernoulliSite(torch.tensor([0.0, 1.0, 0.5], dtype=dtype))
    drawn = torch.stack([kind(temperature=0.1).rule(site, torch.Generator().manual_seed(seed)) for seed in range(50)])
    assert drawn.isfinite().all()
    assert (drawn[:, 0].argmax(-1) == 0).all()
    assert (drawn[:, 1].argmax(-1) == 1).all()


def test_the_noise_has_one_gumbel_a_category() -> None:
    """Two categories that share their Gumbel would always tie: here each of three wins with its probability."""
    probs = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    drawn = StraightThroughGumbelSoftmax().rule(CategoricalSite(probs.expand(60_000, 3)), torch.Generator().manual_seed(2))
    assert (z_scores(drawn, probs) < QUANTILE).all()
    assert (smallest_visible(drawn) < 0.02).all()


def test_straight_through_evaluates_the_program_at_hard_samples() -> None:
    seen: list[Tensor] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        vector = sample(OneHotCategorical(logits=params))
        seen.append(vector.detach())
        return vector[:, 0] ** 2

    StraightThroughGumbelSoftmax()(program, torch.zeros(3, dtype=torch.float64), 20, torch.Generator())
    assert torch.equal(seen[0], seen[0].round())


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_temperatures_must_be_positive(kind: Callable[..., Estimator], temperature: float) -> None:
    with pytest.raises(NotApplicableError, match=f"temperature={temperature}; it must be positive"):
        kind(temperature=temperature)
