"""Enumeration against sums written out by hand."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import Enumeration, NotApplicableError, Sample
from gradverify.estimators.enumeration import count_paths, enumerate_paths

from .programs import CASES, Case, chain_of_indices, chain_of_one_hots, coin


def _point(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_a_chain_of_categories_by_hand() -> None:
    """f = x y (x + theta_0), y given x, summed over nine paths and differentiated by autograd in closed form."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        first = sample(Categorical(logits=params))
        second = sample(Categorical(logits=params * (first.unsqueeze(-1) + 1)))
        return first * second * (first + params[:, 0])

    params = _point(0.3, -0.7, 0.5).requires_grad_()
    total = params.new_zeros(())
    for first, second in itertools.product(range(3), range(3)):
        weight = params.softmax(0)[first] * (params * (first + 1)).softmax(0)[second]
        total = total + weight * first * second * (first + params[0])
    (expected,) = torch.autograd.grad(total, params)
    paths = enumerate_paths(program, params.detach())
    torch.testing.assert_close(paths.gradient(), expected)
    torch.testing.assert_close(paths.mean(), total.detach())


@pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])
def test_weights_are_a_distribution(case: Case) -> None:
    paths = enumerate_paths(case.program, case.point())
    torch.testing.assert_close(paths.weight.sum(), torch.ones((), dtype=torch.float64))
    torch.testing.assert_close(paths.weight_gradient.sum(0), torch.zeros_like(case.point()), rtol=0, atol=1e-12)
    assert len(paths.outcomes.unique(dim=0)) == len(paths.outcomes)


@pytest.mark.parametrize("case", CASES, ids=[each.name for each in CASES])
def test_the_gradient_is_the_slope_of_the_mean(case: Case) -> None:
    """Central differences of ``E f``: deterministic, so the bound is the truncation error h^2 f''' / 6, not noise."""
    params, step = case.point(), 1e-4
    gradient = enumerate_paths(case.program, params).gradient().reshape(-1)
    for coordinate in range(params.numel()):
        shift = torch.zeros(params.numel(), dtype=torch.float64)
        shift[coordinate] = step
        above, below = (enumerate_paths(case.program, params + sign * shift.reshape(params.shape)).mean() for sign in (1, -1))
        assert float((above - below) / (2 * step)) == pytest.approx(float(gradient[coordinate]), abs=1e-5)


def test_multi_element_sites_are_counted_by_element() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        bits = sample(Bernoulli(logits=params.unsqueeze(-1).expand(-1, 3, 2)))
        return bits.sum((1, 2)) + sample(OneHotCategorical(logits=params))[:, 0]

    assert count_paths(program, torch.zeros(3)) == 2**6 * 3
    assert len(enumerate_paths(program, torch.zeros(3)).weight) == 2**6 * 3


def test_a_program_without_sites_has_one_path() -> None:
    paths = enumerate_paths(lambda params, sample: params.sum(-1) ** 2, _point(1.0, 2.0))
    assert paths.weight.tolist() == [1.0]
    assert paths.gradient().tolist() == [6.0, 6.0]


def test_too_many_paths_are_refused() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        return sample(Bernoulli(params.unsqueeze(-1).expand(-1, 20))).sum(-1)

    with pytest.raises(NotApplicableError, match=r"1.05e\+06 paths, more than max_paths=65536"):
        enumerate_paths(program, torch.tensor(0.5))
    with pytest.raises(NotApplicableError, match="more than max_paths=3"):
        Enumeration(max_paths=3)(chain_of_indices, torch.zeros(3), 1, torch.Generator())
    assert Enumeration(max_paths=27)(chain_of_indices, torch.zeros(3), 1, torch.Generator()).isfinite().all()


@pytest.mark.parametrize("infinite", [math.inf, -math.inf, math.nan])
def test_impossible_paths_may_be_infinite(infinite: float) -> None:
    """The second category has probability zero whatever the parameter; its objective does not exist."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        probs = torch.stack((params, torch.zeros_like(params), 1 - params), -1)
        index = sample(Categorical(probs=probs))
        return torch.where(index == 1, infinite, 5 * index)

    paths = enumerate_paths(program, torch.tensor(0.25, dtype=torch.float64))
    assert paths.outcomes.flatten().tolist() == [0, 2]
    torch.testing.assert_close(paths.gradient(), torch.tensor(-10.0, dtype=torch.float64))


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_paths_that_are_about_to_become_possible_count(p: float) -> None:
    """At p = 0 the path b = 1 has weight zero and derivative one."""
    exact = Enumeration()(coin(lambda bit: (bit + 1) ** 3), torch.tensor(p, dtype=torch.float64), 1, torch.Generator())
    assert exact.tolist() == [7.0]


def test_two_texts_of_one_program_agree() -> None:
    params = _point(0.3, -0.4, 0.6)
    by_arithmetic, by_lookup = (enumerate_paths(text, params) for text in (chain_of_one_hots, chain_of_indices))
    torch.testing.assert_close(by_arithmetic.gradient(), by_lookup.gradient())
    torch.testing.assert_close(by_arithmetic.mean(), by_lookup.mean())


def test_rows_are_the_gradient_repeated() -> None:
    params = _point(0.3, -0.4, 0.6)
    rows = Enumeration()(chain_of_one_hots, params, 3, torch.Generator())
    exact = enumerate_paths(chain_of_one_hots, params).gradient()
    assert torch.equal(rows, exact.expand(3, 3))
