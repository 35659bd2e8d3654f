"""SIMPLE against its exact mean and variance, by enumeration of the subsets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import NotApplicableError, StraightThrough, subsets
from gradverify.estimators.k_subset import KSubset
from gradverify.estimators.protocol import Program, Sample
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.subsets import Simple

from .polynomial_programs import BITS, agrees, average, bit_program, power_of, replicates
from .test_k_subset import LOGITS, by_enumeration


def cubic(bits: Tensor) -> Tensor:
    """Curvature in the items, products of them, an offset."""
    scores = torch.sin(torch.arange(1.0, bits.shape[-1] + 1, dtype=bits.dtype, device=bits.device))
    total = bits @ scores
    return 4 + (total + 1.2) ** 3 + bits[..., 0] * bits[..., 2] * 1.5


def linear(bits: Tensor) -> Tensor:
    return 4 + bits @ torch.sin(torch.arange(1.0, bits.shape[-1] + 1, dtype=bits.dtype))


def program_of(objective: Callable[[Tensor], Tensor], k: int) -> Program:
    return lambda params, sample: objective(sample(KSubset(params, k)))


def exact_mean_and_variance(objective: Callable[[Tensor], Tensor], logits: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """SIMPLE's own moments, and the true gradient."""
    points, weight = by_enumeration(logits, k)
    centred = points - weight @ points
    covariance = torch.einsum("s,si,sj->ij", weight, centred, centred)
    leaf = points.clone().requires_grad_()
    (slope,) = torch.autograd.grad(objective(leaf).sum(), leaf)
    rows = slope @ covariance
    mean = average(weight, rows)
    return mean, average(weight, (rows - mean).square()), average(weight * objective(points), centred)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_simple_has_its_exact_mean_and_variance(k: int) -> None:
    mean, variance, _ = exact_mean_and_variance(cubic, LOGITS, k)
    found = exact_moments(Simple(), program_of(cubic, k), LOGITS)
    torch.testing.assert_close(found[0], mean, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found[1], variance, rtol=1e-9, atol=1e-12)


def test_simple_agrees_by_sampling_and_is_seen_biased() -> None:
    mean, _, truth = exact_mean_and_variance(cubic, LOGITS, 2)
    rows = replicates(Simple(), program_of(cubic, 2), LOGITS, 40_000)
    assert agrees(rows, mean)
    assert power_of(rows, mean - truth) > 8


def test_exact_for_linear_objectives_only() -> None:
    for objective, exact in ((linear, True), (cubic, False)):
        mean, _, truth = exact_mean_and_variance(objective, LOGITS, 2)
        found = exact_moments(Simple(), program_of(objective, 2), LOGITS)[0]
        torch.testing.assert_close(found, mean)
        assert bool((found - truth).abs().max() < 1e-12) == exact


def test_subsets_of_one_are_straight_through_categories() -> None:
    """Mean and variance are equal; the draws use different uniforms."""
    ours = exact_moments(Simple(), program_of(cubic, 1), LOGITS)
    categories = exact_moments(
        StraightThrough(), lambda params, sample: cubic(sample(OneHotCategorical(logits=params))), LOGITS
    )
    for found, expected in zip(ours, categories, strict=True):
        torch.testing.assert_close(found, expected)


def test_other_sites_are_straight_through() -> None:
    rows = replicates(Simple(), bit_program(), BITS, 50)
    torch.testing.assert_close(rows, replicates(StraightThrough(), bit_program(), BITS, 50))


def test_programs_with_several_sites() -> None:
    """A subset whose logits an index moves, and a bit that the subset moves."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        index = sample(Categorical(logits=params[:, :3]))
        items = sample(KSubset(params * (1 + 0.3 * index.unsqueeze(1)), 2))
        return cubic(items) + 2 * sample(Bernoulli(logits=items[:, 0] - params[:, 1]))

    rows = replicates(Simple(), program, LOGITS, 50)
    assert rows.shape == (50, 5)
    assert rows.isfinite().all()
    mean, _ = exact_moments(Simple(), program, LOGITS)
    assert agrees(replicates(Simple(), program, LOGITS, 40_000), mean)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [0, 2, 4])
def test_extreme_logits(dtype: torch.dtype, k: int) -> None:
    logits = torch.tensor([30.0, -30.0, 0.0, 30.0], dtype=dtype)
    rows = replicates(Simple(), program_of(cubic, k), logits, 50)
    assert rows.dtype == dtype
    assert rows.isfinite().all()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        assert (KSubset(logits, k).sample((100,)).sum(-1) == k).all()


def test_refuses_by_name() -> None:
    with pytest.raises(ValueError, match="KSubset: k=6 for 5 items"):
        KSubset(LOGITS, 6)
    with pytest.raises(NotApplicableError, match=r"KSubset site has batch shape \(\); its first dimension must be the 3 rows"):
        replicates(Simple(), lambda params, sample: sample(KSubset(LOGITS, 2)).sum() + params.sum(1), LOGITS, 3)


def test_planted_independent_marginals_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backward as if the items were independent bits of the same marginals: the covariance without its off-diagonal."""

    def independent(self: KSubset) -> Tensor:
        marginals = plain(self).detach()
        return marginals * (1 - marginals) * self.logits

    plain = KSubset.marginals
    monkeypatch.setattr(KSubset, "marginals", independent)
    rows = replicates(Simple(), program_of(cubic, 2), LOGITS, 20_000)
    assert not agrees(rows, exact_mean_and_variance(cubic, LOGITS, 2)[0])


def test_planted_draws_without_the_constraint_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items drawn with their marginal probabilities, each by itself."""
    monkeypatch.setattr(KSubset, "sequential", lambda self, decide, shape=None: decide(self.marginals().detach()).double())
    rows = replicates(Simple(), program_of(cubic, 2), LOGITS, 20_000)
    assert not agrees(rows, exact_mean_and_variance(cubic, LOGITS, 2)[0])
    assert subsets.Simple().claims.exact_degree == 1
