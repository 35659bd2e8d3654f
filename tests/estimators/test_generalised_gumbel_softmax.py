"""Generalised Gumbel-Softmax: truncated distributions against scipy, and its own exact mean by quadrature."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import scipy.stats
import torch
from torch import Tensor
from torch.distributions import Binomial, Categorical, Distribution, Geometric, Poisson

from gradverify.estimators import GumbelSoftmax, NotApplicableError, generalised_gumbel_softmax
from gradverify.estimators.generalised_gumbel_softmax import GeneralisedGumbelSoftmax, truncate
from gradverify.estimators.protocol import Sample

from .polynomial_programs import BITS, LOGITS_4, agrees, bit_program, one_hot_program, power_of, replicates

POINT = torch.tensor(0.3, dtype=torch.float64)


@pytest.mark.parametrize(
    ("distribution", "reference"),
    [
        (Poisson(torch.tensor([2.3, 7.0], dtype=torch.float64)), [scipy.stats.poisson(2.3), scipy.stats.poisson(7.0)]),
        (Geometric(torch.tensor([0.3, 0.9], dtype=torch.float64)), [scipy.stats.geom(0.3, -1), scipy.stats.geom(0.9, -1)]),
        (Binomial(5, torch.tensor([0.3, 0.9], dtype=torch.float64)), [scipy.stats.binom(5, 0.3), scipy.stats.binom(5, 0.9)]),
    ],
)
def test_truncated_probabilities(distribution: Distribution, reference: list) -> None:
    probabilities = truncate(distribution, 6).probs
    for row, exact in zip(probabilities, reference, strict=True):
        assert row[:5].tolist() == pytest.approx(exact.pmf(range(5)).tolist(), rel=1e-12)
        assert float(row[5]) == pytest.approx(exact.sf(4), rel=1e-9)


def test_derivative_of_the_truncated_mean() -> None:
    """``d E min(X, m - 1) / d rate = P(X < m - 1)`` for a Poisson."""
    rate = torch.tensor(2.3, dtype=torch.float64, requires_grad=True)
    mean = truncate(Poisson(rate), 6).probs @ torch.arange(6.0, dtype=torch.float64)
    (derivative,) = torch.autograd.grad(mean, rate)
    assert float(derivative) == pytest.approx(scipy.stats.poisson(2.3).cdf(4), rel=1e-12)


def test_derivatives_where_an_outcome_is_certain() -> None:
    """One-sided: ``n`` at p = 0 and p = 1, 1 at rate zero, ``d (1 - p) / p = -1`` at p = 1."""
    for make, point, expected in (
        (lambda p: Binomial(5, p), 0.0, 5.0),
        (lambda p: Binomial(5, p), 1.0, 5.0),
        (lambda rate: Poisson(rate), 0.0, 1.0),
        (lambda p: Geometric(p), 1.0, -1.0),
    ):
        leaf = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        probabilities = truncate(make(leaf), 6).probs  # type: ignore[no-untyped-call]
        mean = probabilities @ torch.arange(len(probabilities), dtype=torch.float64)
        assert torch.autograd.grad(mean, leaf)[0].item() == pytest.approx(expected)


def cubic(count: Tensor) -> Tensor:
    return 2 + (count - 0.6) ** 3 + torch.exp(0.5 * count)


def relaxed_mean(make: Callable[[Tensor], Distribution], params: Tensor, temperature: float) -> Tensor:
    """Three categories: the exact mean over the logarithms t of E_1 / E_0 and E_2 / E_0, E exponential draws.

    Their joint density is ``2 exp(t_1 + t_2) / (1 + exp t_1 + exp t_2)^3``; equal spacing converges exponentially.
    """
    line = torch.arange(-25.0, 25.0, 0.1, dtype=torch.float64)
    nodes = torch.cartesian_prod(line, line)
    total = torch.logsumexp(torch.cat((torch.zeros_like(nodes[:, :1]), nodes), 1), 1)
    mass = 2 * (nodes.sum(1) - 3 * total).exp() * 0.1**2
    leaf = params.clone().requires_grad_()
    logits = truncate(make(leaf), 3).probs.log()
    moved = logits - torch.cat((torch.zeros_like(nodes[:, :1]), nodes), 1)
    relaxed = torch.softmax(moved / temperature, -1) @ torch.arange(3.0, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((mass * cubic(relaxed)).sum(), leaf)
    return gradient


CASES = [
    pytest.param(lambda params: Binomial(2, params), id="binomial"),
    pytest.param(lambda params: Poisson(params), id="poisson"),
    pytest.param(lambda params: Geometric(params), id="geometric"),
]


@pytest.mark.parametrize("make", CASES)
def test_mean_is_its_own_biased_mean(make: Callable[[Tensor], Distribution]) -> None:
    exact = relaxed_mean(make, POINT, 0.7)
    rows = replicates(GeneralisedGumbelSoftmax(0.7, size=3), lambda params, sample: cubic(sample(make(params))), POINT, 60_000)
    assert agrees(rows, exact)
    leaf = POINT.clone().requires_grad_()
    discrete = truncate(make(leaf), 3).probs @ cubic(torch.arange(3.0, dtype=torch.float64))
    (truth,) = torch.autograd.grad(discrete, leaf)
    assert power_of(rows, exact - truth) > 8


def test_counts_are_gumbel_softmax_of_their_categories() -> None:
    def counts(params: Tensor, sample: Sample) -> Tensor:
        first = sample(Poisson(params.exp()))
        return cubic(first.sum(1) + sample(Geometric((params - first).sigmoid())).prod(1))

    def categories(params: Tensor, sample: Sample) -> Tensor:
        first = sample(truncate(Poisson(params.exp()), 5))
        return cubic(first.sum(1) + sample(truncate(Geometric((params - first).sigmoid()), 5)).prod(1))

    rows = replicates(GeneralisedGumbelSoftmax(0.7, size=5), counts, BITS, 20)
    torch.testing.assert_close(rows, replicates(GumbelSoftmax(0.7), categories, BITS, 20))


def test_other_sites_are_gumbel_softmax() -> None:
    for program, params in ((bit_program(), BITS), (one_hot_program(), LOGITS_4)):
        rows = replicates(GeneralisedGumbelSoftmax(0.7), program, params, 20)
        torch.testing.assert_close(rows, replicates(GumbelSoftmax(0.7), program, params, 20))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("make", "point"),
    [
        (lambda params: Binomial(4, params), [0.0, 1.0, 1e-30]),
        (lambda params: Binomial(300, params), [0.0, 1.0, 0.4]),
        (lambda params: Poisson(params), [0.0, 60.0, 1e-30]),
        (lambda params: Poisson(params), [1.0, 500.0, 0.5]),
        (lambda params: Geometric(params), [1.0, 0.01, 0.5]),
    ],
)
def test_extreme_probabilities(make: Callable[[Tensor], Distribution], point: list[float], dtype: torch.dtype) -> None:
    params = torch.tensor(point, dtype=dtype)
    rows = replicates(GeneralisedGumbelSoftmax(), lambda params, sample: sample(make(params)).pow(2).sum(1), params, 30)
    assert rows.dtype == dtype
    assert rows.isfinite().all()


def test_refuses_by_name() -> None:
    with pytest.raises(NotApplicableError, match="generalised Gumbel-Softmax: temperature=0"):
        GeneralisedGumbelSoftmax(0.0)
    with pytest.raises(NotApplicableError, match="generalised Gumbel-Softmax: size=1"):
        GeneralisedGumbelSoftmax(size=1)


def test_planted_one_based_geometric_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Geometric off by one: trials in place of failures."""

    def trials(distribution: Distribution, size: int) -> Categorical:
        probabilities = truncate(distribution, size).probs
        return Categorical(probs=torch.cat((0 * probabilities[..., :1], probabilities[..., :-1]), -1))

    monkeypatch.setattr(generalised_gumbel_softmax, "truncate", trials)
    estimator = GeneralisedGumbelSoftmax(0.7, size=3)
    rows = replicates(estimator, lambda params, sample: cubic(sample(Geometric(params))), POINT, 60_000)
    assert not agrees(rows, relaxed_mean(lambda params: Geometric(params), POINT, 0.7))
