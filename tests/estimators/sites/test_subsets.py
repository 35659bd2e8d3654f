"""Sites of subsets: the table, inversion over it, and estimators that know nothing of subsets."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gradverify.estimators import (
    BitFlip,
    GumbelSoftmax,
    LeaveOneOut,
    LocalExpectation,
    NotApplicableError,
    ReinMax,
    Rodeo,
    ScoreFunction,
    Simple,
    SmoothedTriple,
    StraightThrough,
)
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.k_subset import KSubset
from gradverify.estimators.protocol import Estimator, Sample
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.sites.reading import OneHotSite, SubsetSite, site_of
from gradverify.estimators.sites.subsets import subset_site

from ..polynomial_programs import average, replicates
from ..test_k_subset import LOGITS, by_enumeration
from ..test_subsets import cubic, linear, program_of

ROWS = LOGITS.expand(3, 5)


@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_probabilities_and_values_are_the_enumerated_ones(k: int) -> None:
    points, weight = by_enumeration(LOGITS, k)
    site = site_of(KSubset(ROWS, k), 3)
    assert isinstance(site, SubsetSite)
    assert site.num_categories == len(points)
    torch.testing.assert_close(site.probabilities(), weight.expand(3, -1))
    every = torch.arange(len(points)).unsqueeze(1).expand(-1, 3)
    values = torch.stack([site.from_index(index) for index in every])
    assert torch.equal(values, points.unsqueeze(1).expand(-1, 3, -1))
    assert torch.equal(torch.stack([site.nearest(value) for value in values]), every)


def test_one_hot_weights_are_mapped_linearly_and_carry_a_gradient() -> None:
    site = subset_site(KSubset(ROWS.clone().requires_grad_(), 2))
    weights = site.probabilities()
    torch.testing.assert_close(site.from_one_hot(weights), KSubset(ROWS, 2).marginals())
    assert site.from_one_hot(weights).requires_grad
    assert isinstance(site.detach(), SubsetSite)
    assert torch.equal(site.detach().table, site.table)
    assert isinstance(site, OneHotSite)


def test_a_batch_of_subsets_in_a_row() -> None:
    site = site_of(KSubset(LOGITS.expand(3, 2, 5), 2), 3)
    index = site.index_from(torch.rand(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    assert site.shape == (3, 2)
    assert site.from_index(index).shape == (3, 2, 5)
    assert (site.from_index(index).sum(-1) == 2).all()


@pytest.mark.parametrize("estimator", [ScoreFunction(1.5), LeaveOneOut(2), LocalExpectation()])
def test_unbiased_estimators_are_exact_on_subsets(estimator: Estimator) -> None:
    program = program_of(cubic, 2)
    points, weight = by_enumeration(LOGITS, 2)
    truth = average(weight * cubic(points), points - weight @ points)
    torch.testing.assert_close(exact_moments(estimator, program, LOGITS)[0], truth, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(enumerate_paths(program, LOGITS).gradient(), truth)


def test_straight_through_by_the_table_is_simple() -> None:
    """Both differentiate the marginals; the table's only cost is its length."""
    for objective in (linear, cubic):
        ours, simple = (exact_moments(each, program_of(objective, 2), LOGITS) for each in (StraightThrough(), Simple()))
        torch.testing.assert_close(ours[0], simple[0])
        torch.testing.assert_close(ours[1], simple[1])


def test_reinmax_is_exact_for_squares_of_subsets() -> None:
    def square(items: Tensor) -> Tensor:
        return linear(items) ** 2 + items[..., 0] * items[..., 2]

    program = program_of(square, 2)
    mean, _ = exact_moments(ReinMax(), program, LOGITS)
    torch.testing.assert_close(mean, enumerate_paths(program, LOGITS).gradient(), rtol=1e-10, atol=1e-10)


def test_relaxed_subsets_keep_their_size() -> None:
    seen: list[Tensor] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        seen.append(sample(KSubset(params, 2)))
        return linear(seen[-1])

    replicates(GumbelSoftmax(), program, LOGITS, 50)
    torch.testing.assert_close(seen[-1].sum(-1), torch.full((50,), 2.0, dtype=torch.float64))
    assert (seen[-1] >= 0).all()
    assert (seen[-1] <= 1 + 1e-12).all()


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (SmoothedTriple(), "one-hot or subset value has no neighbours"),
        (BitFlip(), "bitflip-1: a site has 10 categories"),
        (Rodeo(), "RODEO: site 0 is KSubset with 10 categories"),
    ],
)
def test_estimators_that_cannot_are_refused_by_name(estimator: Estimator, said: str) -> None:
    with pytest.raises(NotApplicableError, match=said):
        replicates(estimator, program_of(cubic, 2), LOGITS, 3)


def test_too_many_subsets_are_refused_with_the_next_step() -> None:
    many = torch.zeros(3, 20)
    with pytest.raises(NotApplicableError, match=r"10 out of 20 has 1.85e\+05 subsets, more than 10000; use SIMPLE"):
        site_of(KSubset(many, 10), 3)
    rows = replicates(Simple(), lambda params, sample: sample(KSubset(params, 10)).sum(-1), torch.zeros(20), 2)
    assert rows.shape == (2, 20)


def test_planted_table_in_another_order_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that are not the subsets whose probabilities were computed."""
    monkeypatch.setattr(SubsetSite, "from_index", lambda self, index: self.table.flip(0)[index])
    program = program_of(cubic, 2)
    points, weight = by_enumeration(LOGITS, 2)
    truth = average(weight * cubic(points), points - weight @ points)
    assert (exact_moments(ScoreFunction(), program, LOGITS)[0] - truth).abs().max() > 0.1
