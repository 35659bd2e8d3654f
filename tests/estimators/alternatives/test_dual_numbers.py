"""Dual numbers are split into value and derivative, and constants beside them get an explicit zero."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.distributions import Bernoulli
from torch.profiler import ProfilerActivity, profile

from gradverify.estimators import ConditionalTriple, Estimator, MarkovProgram, StochasticTriple
from gradverify.estimators.alternatives.dual_numbers import constant_beside, dual_number, split_dual, with_tangent
from gradverify.estimators.sites.reading import BernoulliSite


def test_tangents_are_read_under_forward_mode() -> None:
    with forward_ad.dual_level():
        points = dual_number(torch.tensor([2.0, 3.0], dtype=torch.float64))
        value, slope = split_dual(points**2)
        site, tangent = with_tangent(BernoulliSite(1 / points))
    assert value.tolist() == [4.0, 9.0]
    assert slope.tolist() == [4.0, 6.0]
    assert isinstance(site, BernoulliSite)
    torch.testing.assert_close(tangent, torch.tensor([-1 / 4, -1 / 9], dtype=torch.float64))
    constant, zero = split_dual(torch.ones(2))
    assert constant.tolist() == [1.0, 1.0]
    assert zero.tolist() == [0.0, 0.0]


def test_beside_a_dual_number_a_constant_has_a_zero() -> None:
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(constant_beside(dual_number(torch.ones(3)), torch.arange(3.0)))
        assert found.primal.tolist() == [0, 1, 2]
        assert found.tangent is not None
        assert found.tangent.tolist() == [0, 0, 0]


def test_what_needs_none_is_returned_as_it_is() -> None:
    plain, index = torch.ones(3), torch.ones(3, dtype=torch.long)
    assert constant_beside(plain, plain) is plain
    with forward_ad.dual_level():
        dual = dual_number(torch.ones(3))
        assert constant_beside(plain, plain) is plain
        assert constant_beside(dual, index) is index
        assert constant_beside(dual, dual) is dual


def _walk(params: Tensor, state: Tensor, k: int) -> Bernoulli:
    return Bernoulli(torch.exp(-state / params), validate_args=False)


WALK = MarkovProgram(
    num_steps=3,
    initial=torch.zeros_like,
    site=_walk,
    step=lambda state, value, k: state + 2 * value - 1,
    objective=torch.square,
)


@pytest.mark.parametrize("estimator", [StochasticTriple(), ConditionalTriple()], ids=lambda each: type(each).__name__)
def test_no_derivative_is_taken_through_python(estimator: Estimator) -> None:
    """PyTorch would, with its ``prims`` operations, wherever a plain state meets the parameter's dual number."""
    with warnings.catch_warnings(), profile(activities=[ProfilerActivity.CPU]) as recorded:
        warnings.simplefilter("ignore")
        estimator(WALK, torch.tensor(3.0), 8, torch.Generator().manual_seed(0))
    names = {each.key for each in recorded.key_averages()}
    assert "aten::exp" in names
    assert not {each for each in names if each.startswith("prims::")}
