"""Subsets of fixed size against enumeration: probabilities, marginals, samples."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from gradverify.estimators import k_subset
from gradverify.estimators.k_subset import KSubset

from .polynomial_programs import agrees

LOGITS = torch.tensor([0.4, -2.3, 1.1, 0.0, -0.7], dtype=torch.float64)


def by_enumeration(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """All subsets and their probabilities, from itertools and a softmax."""
    rows = [[float(i in chosen) for i in range(len(logits))] for chosen in itertools.combinations(range(len(logits)), k)]
    points = torch.tensor(rows, dtype=torch.float64).reshape(-1, len(logits))
    return points, (points @ logits).softmax(0)


@pytest.mark.parametrize("k", [0, 1, 2, 4, 5])
def test_distribution_by_enumeration(k: int) -> None:
    points, weight = by_enumeration(LOGITS, k)
    logits = LOGITS.clone().requires_grad_()
    distribution = KSubset(logits, k)
    assert torch.equal(distribution.enumerate_support(), points)
    torch.testing.assert_close(distribution.log_prob(points).exp().detach(), weight)
    torch.testing.assert_close(distribution.marginals().detach(), weight @ points)
    centred = points - weight @ points
    jacobian = torch.autograd.functional.jacobian(lambda each: KSubset(each, k).marginals(), LOGITS)
    torch.testing.assert_close(jacobian, torch.einsum("s,si,sj->ij", weight, centred, centred), rtol=1e-9, atol=1e-12)


def test_distribution_of_a_batch() -> None:
    logits = torch.stack((LOGITS, -LOGITS)).unsqueeze(1)
    distribution = KSubset(logits, 2)
    assert distribution.enumerate_support().shape == (10, 2, 1, 5)
    assert distribution.enumerate_support(expand=False).shape == (10, 1, 1, 5)
    total = distribution.log_prob(distribution.enumerate_support()).exp().sum(0)
    torch.testing.assert_close(total, torch.ones(2, 1, dtype=torch.float64))
    assert distribution.log_prob(torch.ones(2, 1, 5, dtype=torch.float64)).eq(-torch.inf).all()
    torch.testing.assert_close(distribution.marginals()[1, 0], KSubset(-LOGITS, 2).marginals())


def test_samples_have_their_law() -> None:
    """Frequencies of all ten subsets at a false-fail rate of 1e-6."""
    points, weight = by_enumeration(LOGITS, 2)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        drawn = KSubset(LOGITS, 2).sample((100_000,))
    assert agrees((drawn.unsqueeze(1) == points).all(-1).double(), weight)


def test_planted_draws_that_forget_what_is_left_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums over the later items of another order: the law of the subsets changes, their size does not."""
    points, weight = by_enumeration(LOGITS, 2)
    plain = k_subset._log_sums
    monkeypatch.setattr(k_subset, "_log_sums", lambda logits, k: plain(logits.flip(-1), k))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        drawn = KSubset(LOGITS, 2).sample((20_000,))
    assert not agrees((drawn.unsqueeze(1) == points).all(-1).double(), weight)
