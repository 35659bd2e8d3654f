"""Coupled importance-weighted pairs, CARMS and stick-breaking DisARM against their exact means and variances.

Statistical tests: two-sided false-fail rate 9.6e-7 a number at fixed seeds; each asserts what it would have seen.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import Estimator, NotApplicableError, Program, Sample, categorical_antithetic
from gradverify.estimators.antithetic import DisARM
from gradverify.estimators.categorical_antithetic import CARMS, CoupledPair, StickBreakingDisARM
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.coupled_runs import Coupling, Joint, differentiate_jointly
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.tape import draw
from gradverify.estimators.sites.reading import CategoricalSite, Site

from .antithetic_moments import LOGITS, check_moments, two_bits
from .intervals import QUANTILE, smallest_visible, z_scores
from .polynomial_programs import index_program

TWO_OF_FOUR = torch.tensor([[0.2, -0.5, 1.1, -2.3], [-0.7, 0.6, 0.1, 0.4]], dtype=torch.float64)
SCORES = torch.tensor([1.3, -0.4, 0.9, 2.1], dtype=torch.float64)


def two_elements(params: Tensor, sample: Sample) -> Tensor:
    """Two one-hot elements: a third power of a sum, and an interaction."""
    drawn = sample(OneHotCategorical(logits=params))
    first, second = (drawn @ SCORES[: params.shape[-1]].to(drawn.dtype)).unbind(1)
    return 3 + (first - 0.5 * second + 0.3) ** 3 + first * second * drawn[:, 1, 0]


def mixed_sites(params: Tensor, sample: Sample) -> Tensor:
    index = sample(Categorical(logits=params))
    bits = sample(Bernoulli(logits=params[:, :2]))
    return 3 + index * bits[:, 0] * bits[:, 1] + (index + bits[:, 0] - 2 * bits[:, 1]) ** 2 + params[:, 0] * index


PROGRAMS = [
    pytest.param(two_elements, TWO_OF_FOUR, id="two elements of four"),
    pytest.param(two_elements, TWO_OF_FOUR[:, :3].flip(0), id="two elements of three"),
    pytest.param(mixed_sites, torch.tensor([0.3, -1.5, 1.2], dtype=torch.float64), id="mixed sites"),
    pytest.param(index_program, torch.tensor([0.4, 0.4, -1.0], dtype=torch.float64), id="chain"),
    pytest.param(two_bits, LOGITS, id="two bits"),
    pytest.param(two_elements, torch.zeros(2, 4, dtype=torch.float64), id="equal probabilities"),
]


@pytest.mark.parametrize("estimator", [CoupledPair(), StickBreakingDisARM()])
@pytest.mark.parametrize(("program", "params"), PROGRAMS)
def test_pairs_are_unbiased_exactly(estimator: Estimator, program: Program, params: Tensor) -> None:
    mean, _ = exact_moments(estimator, program, params)
    torch.testing.assert_close(mean, enumerate_paths(program, params).gradient(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("estimator", [CARMS(2), CARMS(3), CARMS(4)])
@pytest.mark.parametrize(("program", "params"), PROGRAMS)
def test_carms_is_unbiased(estimator: Estimator, program: Program, params: Tensor) -> None:
    exact = enumerate_paths(program, params).gradient()
    rows = estimator(program, params, 20_000, torch.Generator().manual_seed(1))
    assert (smallest_visible(rows) < 0.35 * exact.abs().max()).all()
    assert (z_scores(rows, exact) < QUANTILE).all()


@pytest.mark.parametrize("estimator", [CoupledPair(), StickBreakingDisARM()])
def test_pairs_of_two_categories_are_disarm(estimator: Estimator) -> None:
    torch.testing.assert_close(exact_moments(estimator, two_bits, LOGITS), exact_moments(DisARM(), two_bits, LOGITS))


def test_carms_of_two_categories_and_two_runs_is_disarm() -> None:
    rows = CARMS(2)(two_bits, LOGITS, 100_000, torch.Generator().manual_seed(1))
    mean, variance = exact_moments(DisARM(), two_bits, LOGITS)
    check_moments(rows, mean.numpy(), variance.numpy(), visible=0.15)


def ordered_pair_law(probs: np.ndarray) -> np.ndarray:
    """P(z, z') of u and 1 - u, over all orders that put one category first and another last, by cutting [0, 1]."""
    count = len(probs)
    law = np.zeros((count, count))
    orders = [(i, *(k for k in range(count) if k not in (i, j)), j) for i, j in itertools.permutations(range(count), 2)]
    for order in orders:
        ends = probs[list(order)].cumsum()[:-1]
        edges = np.unique(np.concatenate(([0.0, 1.0], ends, 1 - ends)))
        for low, high in itertools.pairwise(edges):
            middle = (low + high) / 2
            pair = (order[np.searchsorted(ends, middle)], order[np.searchsorted(ends, 1 - middle)])
            law[pair] += (high - low) / len(orders)
    return law


def test_carms_of_two_runs_has_its_exact_mean_and_variance() -> None:
    """One element of four: the estimate is a function of the pair, whose law is cut out of [0, 1]."""
    params = TWO_OF_FOUR[0]
    probs = params.softmax(0).numpy()
    values = (np.arange(4.0) - 0.7) ** 3 + 2
    law = ordered_pair_law(probs)
    pairs = [(i, j) for i in range(4) for j in range(4) if law[i, j] > 0]
    rows = np.array(
        [(values[i] - values[j]) / 2 * (np.eye(4)[i] - np.eye(4)[j]) * probs[i] * probs[j] / law[i, j] for i, j in pairs]
    )
    weight = np.array([law[pair] for pair in pairs])
    mean = weight @ rows

    def program(params: Tensor, sample: Sample) -> Tensor:
        return (sample(Categorical(logits=params)) - 0.7) ** 3 + 2

    np.testing.assert_allclose(mean, enumerate_paths(program, params).gradient(), rtol=1e-11)
    found = CARMS(2)(program, params, 100_000, torch.Generator().manual_seed(1))
    check_moments(found, mean, weight @ (rows - mean) ** 2, visible=0.2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", [CoupledPair(), StickBreakingDisARM(), CARMS(2), CARMS(4)])
@pytest.mark.parametrize("logits", [(30.0, -30.0, 0.0, 29.5), (-200.0, 0.0, 0.1, 100.0), (-30.0, -30.0, -30.0, 30.0)])
def test_extreme_logits_give_finite_rows(estimator: Estimator, dtype: torch.dtype, logits: tuple[float, ...]) -> None:
    params = torch.tensor(logits, dtype=dtype)
    rows = estimator(
        lambda rows, sample: (sample(Categorical(logits=rows)) + 1) ** 3, params, 2000, torch.Generator().manual_seed(1)
    )
    assert rows.isfinite().all()


@pytest.mark.parametrize("estimator", [CoupledPair(), StickBreakingDisARM(), CARMS(3)])
@pytest.mark.parametrize("zeros", [(0,), (3,), (0, 1, 3), (1, 2, 3)])
def test_impossible_categories_change_nothing(estimator: Estimator, zeros: tuple[int, ...]) -> None:
    """Probabilities of the others are ``softmax``, so an impossible category must neither be drawn nor spoil a number."""
    possible = torch.ones(4, dtype=torch.float64)
    possible[list(zeros)] = 0
    drawn: list[Tensor] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        weight = params.exp() * possible
        drawn.append(sample(OneHotCategorical(probs=weight / weight.sum(-1, keepdim=True))))
        return 2 + (drawn[-1] @ SCORES) ** 3

    params = torch.tensor([0.3, -0.5, 1.0, 0.2], dtype=torch.float64)
    rows = estimator(program, params, 20_000, torch.Generator().manual_seed(1))
    assert (drawn[-1] @ (1 - possible) == 0).all()
    assert (z_scores(rows, enumerate_paths(program, params).gradient()) < QUANTILE).all()


def test_too_few_runs_or_categories_are_refused() -> None:
    with pytest.raises(NotApplicableError, match="copies=1"):
        CARMS(1)
    with pytest.raises(NotApplicableError, match="a site has one category"):
        CARMS()(lambda rows, sample: sample(Categorical(logits=rows)), torch.zeros(1), 2, torch.Generator())


# Planted bugs.


def planted(coupling: Coupling) -> Estimator:
    return lambda program, params, num_samples, generator: differentiate_jointly(
        coupling, program, params, num_samples, generator, 2
    )


def one_order(site: Site, coupled: Tensor, generator: torch.Generator) -> Joint:
    """u and 1 - u in one order of the categories: some pairs never come, and nothing makes up for them."""
    probs = site.probabilities().detach()[:, 0]
    high = probs.cumsum(-1)
    low = high - probs
    upper = torch.minimum(high.unsqueeze(-1), 1 - low.unsqueeze(-2))
    table = (upper - torch.maximum(low.unsqueeze(-1), 1 - high.unsqueeze(-2))).clamp(min=0)
    table = torch.where(table > 1e-12, table, 0.0)
    count = site.num_categories
    cell = draw(CategoricalSite(table.flatten(-2)), generator)
    index = torch.stack((cell // count, cell % count), 1)
    law = table.flatten(-2).gather(-1, cell.unsqueeze(-1)).squeeze(-1)
    chosen = probs.gather(-1, (cell // count).unsqueeze(-1)) * probs.gather(-1, (cell % count).unsqueeze(-1))
    return Joint(index, site.score_surrogate(index), (chosen.squeeze(-1) / law).unsqueeze(1).unsqueeze(1))


def independent_but_weighted_as_if_coupled(site: Site, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Weights of one joint law on a pair of another."""
    joint = one_order(site, coupled, generator)
    index = draw(site.detach(), generator)
    return replace(joint, index=index, score=site.score_surrogate(index), weight=torch.full_like(joint.weight, 0.9))


@pytest.mark.parametrize("coupling", [one_order, independent_but_weighted_as_if_coupled])
def test_planted_couplings_are_found(coupling: Coupling) -> None:
    program: Program = lambda params, sample: (sample(Categorical(logits=params)) - 0.7) ** 3 + 2  # noqa: E731
    mean, _ = exact_moments(planted(coupling), program, TWO_OF_FOUR[0])
    assert (mean - enumerate_paths(program, TWO_OF_FOUR[0]).gradient()).abs().max() > 0.01


def test_planted_unweighted_copula_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(categorical_antithetic, "_copula_weight", lambda probs, index, power: torch.ones(()))
    exact = enumerate_paths(two_elements, TWO_OF_FOUR).gradient()
    rows = CARMS(3)(two_elements, TWO_OF_FOUR, 20_000, torch.Generator().manual_seed(1))
    assert (z_scores(rows, exact) > QUANTILE).any()
