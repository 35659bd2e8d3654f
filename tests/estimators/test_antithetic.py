"""ARM, DisARM and ARMS against their exact means and variances.

Statistical tests: two-sided false-fail rate 9.6e-7 a number at fixed seeds; each asserts what it would have seen.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import Estimator, LeaveOneOut, NotApplicableError, Program, Sample, ScoreFunction
from gradverify.estimators.antithetic import ARM, ARMS, DisARM, antithetic_bits
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.coupled_runs import Coupling, Joint, differentiate_jointly
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.sites.reading import Site
from gradverify.verification.problems.toys import bits_near

from .antithetic_moments import LOGITS, arm_moments, arms_moments, check_moments, cubed, probability, two_bits
from .intervals import QUANTILE, smallest_visible, z_scores

LENGTH = 200_000


def many_sites(params: Tensor, sample: Sample) -> Tensor:
    """Three separate, independent sites, the first of two elements, one depending on the parameters twice."""
    first = sample(Bernoulli(logits=params))
    second = sample(Bernoulli(torch.sigmoid(params[:, 0]) * torch.sigmoid(params[:, 1])))
    third = sample(Bernoulli(logits=-params[:, 1]))
    return 2 + (first[:, 0] - 2 * first[:, 1] * second + third + 0.5) ** 3 + params[:, 0] * third


def branching(params: Tensor, sample: Sample) -> Tensor:
    """A chain whose two branches have equal probabilities and different derivatives where the parameters are equal."""
    state = torch.zeros_like(params[:, 0])
    total = state
    for step in range(3):
        state = sample(Bernoulli(logits=torch.where(state > 0, params[:, 0], params[:, 1])))
        total = total + state * (step + 1)
    return 2 + total**2 + total * params[:, 1]


def draws(estimator: Estimator, program: Program, params: Tensor, seed: int = 1, length: int = LENGTH) -> Tensor:
    return estimator(program, params, length, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("program", [two_bits, many_sites, branching])
@pytest.mark.parametrize("point", [(0.4, -2.3), (0.7, 0.7), (0.0, 0.0)])
def test_disarm_is_unbiased_exactly(program: Program, point: tuple[float, float]) -> None:
    params = torch.tensor(point, dtype=torch.float64)
    mean, _ = exact_moments(DisARM(), program, params)
    torch.testing.assert_close(mean, enumerate_paths(program, params).gradient(), rtol=1e-12, atol=1e-12)


def test_arm_has_its_exact_mean_and_variance() -> None:
    mean, variance = arm_moments(cubed, probability(LOGITS))
    np.testing.assert_allclose(mean, enumerate_paths(two_bits, LOGITS).gradient(), rtol=1e-12)
    check_moments(draws(ARM(), two_bits, LOGITS), mean, variance, visible=0.1)


@pytest.mark.parametrize("copies", [2, 3, 4])
def test_arms_has_its_exact_mean_and_variance(copies: int) -> None:
    mean, variance = arms_moments(cubed, probability(LOGITS), copies)
    np.testing.assert_allclose(mean, enumerate_paths(two_bits, LOGITS).gradient(), rtol=1e-12)
    check_moments(draws(ARMS(copies), two_bits, LOGITS), mean, variance, visible=0.1)


@pytest.mark.parametrize("estimator", [ARM(), ARMS(3)])
@pytest.mark.parametrize("program", [many_sites, branching])
def test_arm_and_arms_are_unbiased_on_several_sites_and_on_chains(estimator: Estimator, program: Program) -> None:
    params = torch.tensor([0.7, 0.7], dtype=torch.float64)
    exact = enumerate_paths(program, params).gradient()
    rows = draws(estimator, program, params)
    assert (smallest_visible(rows) < 0.1 * exact.abs().max()).all()
    assert (z_scores(rows, exact) < QUANTILE).all()


def test_arms_with_two_runs_is_disarm() -> None:
    """The two have one exact variance and one set of rows."""
    mean, variance = exact_moments(DisARM(), two_bits, LOGITS)
    closed = arms_moments(cubed, probability(LOGITS), 2)
    np.testing.assert_allclose(closed, (mean, variance), rtol=1e-12)
    seen = [draws(each, two_bits, LOGITS, length=5000).round(decimals=9).unique(dim=0) for each in (ARMS(2), DisARM())]
    torch.testing.assert_close(*seen)


@pytest.mark.parametrize("logits", [(0.4, -2.3), (1.2, 0.1), (-3.0, -0.2)])
def test_disarm_never_varies_more_than_arm(logits: tuple[float, float]) -> None:
    params = torch.tensor(logits, dtype=torch.float64)
    _, variance = exact_moments(DisARM(), two_bits, params)
    assert (variance.numpy() < arm_moments(cubed, probability(params))[1]).all()


def test_independent_sites_are_all_coupled() -> None:
    """One site of three elements and three sites of one are the same program, so the variance must not depend on the text."""

    def one_site(params: Tensor, sample: Sample) -> Tensor:
        return (1 + sample(Bernoulli(logits=params)) @ torch.tensor([1.0, -2.0, 0.5], dtype=params.dtype)) ** 3

    def three_sites(params: Tensor, sample: Sample) -> Tensor:
        bits = torch.stack([sample(Bernoulli(logits=params[:, i])) for i in range(3)], 1)
        return (1 + bits @ torch.tensor([1.0, -2.0, 0.5], dtype=params.dtype)) ** 3

    params = torch.tensor([0.4, -2.3, 1.1], dtype=torch.float64)
    torch.testing.assert_close(exact_moments(DisARM(), one_site, params), exact_moments(DisARM(), three_sites, params))


@pytest.mark.parametrize(
    ("target", "p", "expected"),
    [
        (0.49, 0.1, {"score": 5.995e-3, "leave_one_out": 1.476e-5, "arm": 1.303e-5, "disarm": 1.296e-5}),
        (0.49, 0.5, {"score": 1.564e-2, "leave_one_out": 2.5e-5, "arm": 8.33e-6, "disarm": 0.0}),
        (0.499, 0.5, {"score": 1.563e-2, "leave_one_out": 2.5e-7, "arm": 8.33e-8, "disarm": 0.0}),
    ],
)
def test_toy_variances_of_one_call(target: float, p: float, expected: dict[str, float]) -> None:
    """E (b - p0)^2; the expected values are quoted to three or four digits."""
    program, params = bits_near((target,)), torch.tensor(p, dtype=torch.float64).logit()
    found = {
        "score": exact_moments(ScoreFunction(), program, params)[1].item(),
        "leave_one_out": exact_moments(LeaveOneOut(2), program, params)[1].item(),
        "arm": arm_moments(lambda bits: (bits[:, 0] - target) ** 2, np.array([p]))[1].item(),
        "disarm": exact_moments(DisARM(), program, params)[1].item(),
    }
    assert found == pytest.approx(expected, rel=6e-4, abs=1e-20)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", [ARM(), DisARM(), ARMS(2), ARMS(5)])
def test_extreme_logits_give_finite_rows(estimator: Estimator, dtype: torch.dtype) -> None:
    params = torch.tensor([30.0, -30.0, 0.0, 100.0, -200.0], dtype=dtype)
    rows = draws(estimator, lambda rows, sample: (sample(Bernoulli(logits=rows)).sum(1) + 1) ** 3, params, length=1000)
    assert rows.isfinite().all()
    assert (rows[:, 2] != 0).any()


@pytest.mark.parametrize("estimator", [ARM(), DisARM(), ARMS(3)])
def test_certain_bits_count_nothing(estimator: Estimator) -> None:
    params = torch.tensor([0.0, 1.0, 0.3], dtype=torch.float64)
    rows = draws(estimator, lambda rows, sample: sample(Bernoulli(rows)) @ torch.arange(1.0, 4.0).double(), params, length=5000)
    assert (rows[:, :2] == 0).all()
    assert (z_scores(rows[:, 2:], 3.0) < QUANTILE).all()


@pytest.mark.parametrize(("estimator", "name"), [(ARM(), "ARM"), (DisARM(), "DisARM"), (ARMS(), "ARMS")])
def test_other_sites_are_refused_by_name(estimator: Estimator, name: str) -> None:
    with pytest.raises(NotApplicableError, match=f"{name}: a site has 3 categories"):
        draws(estimator, lambda rows, sample: sample(Categorical(logits=rows)), torch.zeros(3), length=2)


def test_one_run_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="copies=1"):
        ARMS(1)


# Planted bugs.


def planted(coupling: Coupling, copies: int = 2) -> Estimator:
    return lambda program, params, num_samples, generator: differentiate_jointly(
        coupling, program, params, num_samples, generator, copies
    )


def probability_for_its_larger_side(site: Site, coupled: Tensor, generator: torch.Generator) -> Joint:
    """sigmoid(logit) for sigmoid(|logit|): wrong only where the logit is negative."""
    joint = antithetic_bits(site, coupled, generator)
    probs = site.probs.detach()[:, :1].unsqueeze(1)
    return replace(joint, weight=joint.weight * probs / torch.maximum(probs, 1 - probs))


def unweighted(site: Site, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Antithetic runs treated as independent ones."""
    joint = antithetic_bits(site, coupled, generator)
    return replace(joint, weight=torch.ones_like(joint.weight))


def always_coupled(site: Site, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Coupled although the derivatives differ."""
    return antithetic_bits(site, torch.ones_like(coupled), generator)


def noise_shared_by_elements(site: Site, coupled: Tensor, generator: torch.Generator) -> Joint:
    """One uniform for all elements: right in one dimension."""
    uniform = torch.rand(site.shape[0], 1, generator=generator, dtype=site.dtype).expand(-1, site.shape[2])
    index = site.index_from(torch.stack((uniform, 1 - uniform), 1))
    probs = site.probs.detach()[:, 0]
    weight = torch.maximum(probs, 1 - probs) * (index[:, 0] != index[:, 1])
    return Joint(index, site.score_surrogate(index), weight.unsqueeze(1).unsqueeze(1))


@pytest.mark.parametrize(
    ("coupling", "program", "point"),
    [
        pytest.param(probability_for_its_larger_side, two_bits, (0.4, -2.3), id="probability for its larger side"),
        pytest.param(unweighted, two_bits, (0.4, -2.3), id="unweighted"),
        pytest.param(always_coupled, branching, (0.7, 0.7), id="always coupled"),
    ],
)
def test_planted_bugs_are_found_exactly(coupling: Coupling, program: Program, point: tuple[float, ...]) -> None:
    params = torch.tensor(point, dtype=torch.float64)
    mean, _ = exact_moments(planted(coupling), program, params)
    assert (mean - enumerate_paths(program, params).gradient()).abs().max() > 0.01


def test_planted_shared_noise_is_found() -> None:
    rows = draws(planted(noise_shared_by_elements), two_bits, LOGITS)
    assert (z_scores(rows, enumerate_paths(two_bits, LOGITS).gradient()) > QUANTILE).any()
