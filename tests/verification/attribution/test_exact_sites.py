"""Exact sites: a program keeps its mean and its gradient, whatever sites it differentiates itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical

from gradverify.estimators import (
    ESTIMATORS,
    GumbelSoftmax,
    Sample,
)
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.attribution.exact_sites import with_exact_sites

from .programs import LENGTH, LOGITS, WALK, bent, pair, walk

EXACTLY = (
    "score_function", "leave_one_out", "vargrad", "dice", "disarm", "bit_flip", "local_expectation", "coupled_pair", "flip_all",
    "measure_valued", "stochastic_triple", "muprop", "double_control_variate", "finite_difference",
)  # fmt: skip


def test_enumeration_sees_no_difference() -> None:
    """E F and its gradient are those of E f for every choice of exact sites, to rounding."""
    paths = enumerate_paths(bent, LOGITS)
    for sites in ((), (5,), (0, 1, 2, 3), (1, 4, 6), tuple(range(LENGTH))):
        derived = enumerate_paths(with_exact_sites(bent, sites, baseline=0.7), LOGITS)
        torch.testing.assert_close(derived.mean(), paths.mean(), rtol=0, atol=1e-12)
        torch.testing.assert_close(derived.gradient(), paths.gradient(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", EXACTLY)
@pytest.mark.parametrize("sites", [(0,), (1,), (0, 1)])
def test_a_sound_estimator_stays_sound_whatever_is_exact(name: str, sites: tuple[int, ...]) -> None:
    """Over all outcomes of its own randomness, so there is no statistics in it."""
    params = torch.tensor([0.3, 0.6], dtype=torch.float64)
    truth = enumerate_paths(pair, params).gradient()
    mean, _ = exact_moments(ESTIMATORS[name], with_exact_sites(pair, sites, baseline=8.0), params)
    torch.testing.assert_close(mean, truth, rtol=0, atol=1e-10)


def test_triples_by_forward_mode_stay_sound() -> None:
    """A scalar parameter: tangents pass through the score that the objective carries."""
    truth = enumerate_paths(walk(), WALK.params).gradient()
    mean, _ = exact_moments(ESTIMATORS["stochastic_triple"], with_exact_sites(walk(), {0, 2}, baseline=3.0), WALK.params)
    torch.testing.assert_close(mean, truth, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["straight_through", "reinmax", "smoothed_triple", "softmax_straight_through"])
def test_a_biased_rule_is_exact_once_every_site_is(name: str) -> None:
    params = torch.tensor([0.3, 0.6], dtype=torch.float64)
    truth = enumerate_paths(pair, params).gradient()
    biased, _ = exact_moments(ESTIMATORS[name], pair, params)
    exact, _ = exact_moments(ESTIMATORS[name], with_exact_sites(pair, {0, 1}), params)
    assert float((biased - truth).abs().max()) > 1
    torch.testing.assert_close(exact, truth, rtol=0, atol=1e-10)


def test_relaxed_values_are_hardened_to_the_sites_law() -> None:
    """Frequencies of the three categories under Gumbel-Softmax; within 5 standard errors, false-fail rate below 2e-6."""
    p = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    seen: list[Tensor] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        seen.append(sample(Categorical(params, validate_args=False)))
        return seen[-1] * params[:, 0]

    rows = 20_000
    GumbelSoftmax()(with_exact_sites(program, {0}, relaxed=True), p, rows, torch.Generator().manual_seed(0))
    share = torch.stack([(seen[-1] == k).double().mean() for k in range(3)])
    assert bool(((share - p).abs() < 5 * (p * (1 - p) / rows).sqrt()).all())
