"""Steps of finite differences: near zero, at the end of the domain, and where they move nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import FiniteDifference, Sample
from gradverify.verification.problems import Problem
from gradverify.verification.truth.difference_steps import moves_outcomes, valid_steps
from gradverify.verification.truth.finite_differences import SteppedDifference, finite_difference

from ..targets.programs import scalar


def logits(params: Tensor, sample: Sample) -> Tensor:
    shape = params[:, :1].expand(-1, 24) + params[:, 1:]
    return sample(Bernoulli(logits=shape, validate_args=False)).sum(-1) ** 2


def at(*values: float) -> Problem:
    return Problem(name="near", program=logits, params=torch.tensor(values, dtype=torch.float64))


@pytest.mark.parametrize("near", [0.0, 1e-5, -1e-9])
def test_a_step_beside_a_parameter_near_zero_is_absolute(near: float) -> None:
    (size, steps), _ = valid_steps(at(0.5, near))
    assert (size, steps.tolist()) == (0.3, [0.15, 0.3])


def test_a_step_is_relative_elsewhere_and_within_the_domain() -> None:
    (size, steps), _ = valid_steps(at(0.5, 0.1))
    assert (size, steps.tolist()) == (0.3, pytest.approx([0.15, 0.03]))

    def probability(params: Tensor, sample: Sample) -> Tensor:
        return sample(Bernoulli(params))

    (size, steps), _ = valid_steps(Problem(name="p", program=probability, params=scalar(1e-3)))
    assert (size, steps.tolist()) == (0.3, pytest.approx([3e-4]))


def test_differences_beside_a_parameter_near_zero_agree_with_those_at_zero() -> None:
    """The two problems differ by 1e-5 in a logit, and so do their gradients; 5 standard errors of 4,000 rows each."""
    found = []
    for near in (0.0, 1e-5):
        reference = finite_difference(at(0.5, near), 0)
        assert isinstance(reference.sampler, SteppedDifference if near else FiniteDifference)
        rows = reference.sampler(logits, at(0.5, near).params, 4000, torch.Generator().manual_seed(3)).numpy()
        found.append((rows.mean(0), rows.std(0) / 4000**0.5))
    (one, error), (other, _) = found
    assert (np.abs(one - other) < 5 * 2**0.5 * error).all()
    assert (one > 10 * error).all()


def test_a_difference_that_moved_nothing_says_nothing() -> None:
    """Outcomes of probability 1e-12 never flip: zeros are then no derivative, and their bound is beyond every tolerance."""

    def improbable(params: Tensor, sample: Sample) -> Tensor:
        return 1e12 * sample(Bernoulli(1e-12 * params, validate_args=False))

    reference = finite_difference(Problem(name="improbable", program=improbable, params=scalar(0.5)), 0)
    assert reference.gradient.tolist() == [0.0]
    assert (reference.bias_bound > 1e20).all()


def test_a_derivative_of_zero_that_outcomes_show_says_something() -> None:
    """Outcomes flip, and the objective does not care for the second bit."""

    def careless(params: Tensor, sample: Sample) -> Tensor:
        return sample(Bernoulli(params))[:, 0]

    problem = Problem(name="careless", program=careless, params=torch.tensor([0.4, 0.6], dtype=torch.float64))
    assert moves_outcomes(problem, 1, 0.1, 100)
    reference = finite_difference(problem, 0)
    assert isinstance(reference.sampler, FiniteDifference)
    assert reference.gradient[1] == 0
    assert reference.bias_bound[1] < 1e-9
