"""Flip-all over all branches: exactly unbiased, against closed forms, and against planted bugs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Binomial, Categorical, OneHotCategorical, Poisson

from gradverify.estimators import Program, Sample, StochasticTriple, flip_all
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.flip_all import FlipAll
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.forced_runs import Alternatives

from .intervals import QUANTILE, smallest_visible, z_scores
from .programs import CASES, Case, chain_of_one_hots

POINT = torch.tensor([0.3, -0.4, 0.6], dtype=torch.float64)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_unbiased_with_less_variance_than_one_alternative(case: Case) -> None:
    """On every case the gradient is exact to 1e-11 and the variance below the pruned triple's along the same flow."""
    program: Program = lambda params, sample: case.program(params, sample)  # noqa: E731
    mean, variance = exact_moments(FlipAll(), program, case.point())
    torch.testing.assert_close(mean, case.exact(), rtol=0, atol=1e-11)
    if case.point().dim() > 0:
        assert (variance < exact_moments(StochasticTriple(), program, case.point())[1]).all()


@pytest.mark.parametrize("count", [2, 4])
def test_no_variance_on_one_site(count: int) -> None:
    """One categorical alone is summed over all its outcomes."""
    params = torch.linspace(1.3, -2.4, count, dtype=torch.float64)
    program: Program = lambda rows, sample: 7 + (sample(Categorical(logits=rows)) - 0.4) ** 3  # noqa: E731
    mean, variance = exact_moments(FlipAll(), program, params)
    torch.testing.assert_close(mean, enumerate_paths(program, params).gradient(), rtol=0, atol=1e-12)
    assert variance.abs().max() < 1e-24


def test_variance_of_two_bits() -> None:
    """f = (a + 2 b + 1)^2 on independent bits: in the first coordinate 2 (2 b + 1) + 1 is what a counts, times p (1 - p)."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        first, second = sample(Bernoulli(logits=params)).unbind(-1)
        return (first + 2 * second + 1) ** 2

    params = torch.tensor([0.7, -2.2], dtype=torch.float64)
    p, q = torch.sigmoid(params).tolist()
    mean, variance = exact_moments(FlipAll(), program, params)
    slopes = (p * (1 - p), q * (1 - q))
    assert mean.tolist() == pytest.approx([slopes[0] * (3 + 4 * q), slopes[1] * (8 + 4 * p)], rel=1e-13)
    assert variance.tolist() == pytest.approx([slopes[0] ** 2 * 16 * q * (1 - q), slopes[1] ** 2 * 16 * p * (1 - p)], rel=1e-12)


def test_counts() -> None:
    """Binomial then Poisson of a rate that depends on it: tables as long as the largest rate needs."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        first = sample(Binomial(2, torch.sigmoid(params)))
        return (first + sample(Poisson(0.2 + 0.5 * first)) + 1) ** 2

    params = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    p = torch.sigmoid(params)
    means = [((k + 1 + 0.2 + 0.5 * k) ** 2 + 0.2 + 0.5 * k) * w for k, w in enumerate(((1 - p) ** 2, 2 * p * (1 - p), p**2))]
    sum(means, torch.zeros_like(p)).backward()
    mean, _ = exact_moments(FlipAll(), program, params.detach())
    assert float(mean) == pytest.approx(float(params.grad), rel=1e-10)


def test_cost_is_one_run_and_every_other_outcome() -> None:
    """Two bits and a categorical of four: 1 + 2 + 3 evaluations; a site without parameters is not forced."""
    rows: list[int] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        rows.append(len(params))
        bits = sample(Bernoulli(logits=params[:, :2]))
        constant = sample(Bernoulli(torch.full_like(params[:, 0], 0.5)))
        return bits.sum(-1) * sample(Categorical(logits=params)) + constant

    FlipAll()(program, torch.zeros(4), 7, torch.Generator())
    assert sum(rows) == 7 * (1 + 2 + 3)


def test_impossible_outcomes_are_not_run() -> None:
    """The middle category has probability zero whatever the parameters, and f is not defined there."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        share = torch.sigmoid(params)
        index = sample(Categorical(torch.stack((share, torch.zeros_like(share), 1 - share), -1)))
        assert (index != 1).all()
        return 1 / (index - 1)

    params = torch.tensor(0.4, dtype=torch.float64)
    mean, _ = exact_moments(FlipAll(), program, params)
    assert float(mean) == pytest.approx(-2 * float(torch.sigmoid(params) * torch.sigmoid(-params)), rel=1e-13)


def test_derivative_at_probability_one() -> None:
    program: Program = lambda params, sample: (sample(Bernoulli(1 - params)) + 1) ** 3  # noqa: E731
    rows = FlipAll()(program, torch.tensor(0.0, dtype=torch.float64), 3, torch.Generator())
    assert rows.tolist() == [-7.0, -7.0, -7.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sampled(dtype: torch.dtype) -> None:
    """8000 rows, |z| < 4.9; an error of 8 % of the largest coordinate would be seen with probability 97.5 %."""
    exact = enumerate_paths(chain_of_one_hots, POINT).gradient()
    rows = FlipAll()(chain_of_one_hots, POINT.to(dtype), 8000, torch.Generator().manual_seed(1))
    assert rows.dtype == dtype
    assert (z_scores(rows, exact) < QUANTILE).all()
    assert smallest_visible(rows).max() < 0.08 * exact.abs().max()


@pytest.mark.parametrize("logit", [-30.0, 30.0])
def test_extreme_logits(logit: float) -> None:
    program: Program = lambda params, sample: sample(OneHotCategorical(logits=params)) @ torch.tensor([1.0, -2.0, 3.0])  # noqa: E731
    rows = FlipAll()(program, torch.tensor([logit, 0.0, 0.5]), 20, torch.Generator())
    assert torch.isfinite(rows).all()


def _error() -> float:
    mean, _ = exact_moments(FlipAll(), chain_of_one_hots, POINT)
    return float((mean - enumerate_paths(chain_of_one_hots, POINT).gradient()).abs().max())


@pytest.mark.parametrize("planted", ["proposal not divided out", "own probability", "one alternative missing"])
def test_planted_bugs(planted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = flip_all._every_other

    def wrong(*arguments: object) -> Alternatives:
        found = right(*arguments)
        site, index = arguments[1], arguments[2]
        if planted == "proposal not divided out":
            return Alternatives(found.index, found.term * found.term.detach())
        if planted == "own probability":
            return Alternatives(found.index, site.probability(index).expand_as(found.term))
        return Alternatives(found.index[:-1], found.term[:-1])

    assert _error() < 1e-11
    monkeypatch.setattr(flip_all, "_every_other", wrong)
    assert _error() > 0.1
