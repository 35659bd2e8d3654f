"""VarGrad against leave-one-out, and against the variance whose gradient it is."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import LeaveOneOut, NotApplicableError, Program, Sample
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.tape import Tape, recording
from gradverify.estimators.vargrad import VarGrad

from .programs import CASES

POINT = torch.tensor([0.4, -2.3], dtype=torch.float64)


def two_bits(params: Tensor, sample: Sample) -> Tensor:
    bits = sample(Bernoulli(logits=params))
    return 3 + (bits[:, 0] + 2 * bits[:, 1] - 1.5 * bits.prod(1) + 0.5) ** 3 + params[:, 1] * bits[:, 0]


@pytest.mark.parametrize("group", [2, 3, 5])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_the_leave_one_out_estimator(case: object, group: int) -> None:
    """Row by row, from the same seed."""
    rows = [
        each(case.program, case.point(), 50, torch.Generator().manual_seed(1))  # type: ignore[attr-defined]
        for each in (VarGrad(group), LeaveOneOut(group))
    ]
    torch.testing.assert_close(*rows, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("group", [2, 3])
def test_unbiased_with_the_variance_of_leave_one_out(group: int) -> None:
    mean, variance = exact_moments(VarGrad(group), two_bits, POINT)
    torch.testing.assert_close(mean, enumerate_paths(two_bits, POINT).gradient())
    torch.testing.assert_close(variance, exact_moments(LeaveOneOut(group), two_bits, POINT)[1])


def test_it_is_the_gradient_of_half_the_variance_of_a_log_ratio() -> None:
    """Variational inference: f = log q - log p at detached samples, whose own derivative has mean zero and is left out."""
    target = torch.tensor([1.0, 0.7], dtype=torch.float64)

    def log_ratio(params: Tensor, bits: Tensor) -> Tensor:
        return Bernoulli(logits=params).log_prob(bits).sum(1) - Bernoulli(logits=target).log_prob(bits).sum(1) - bits.prod(1)

    def program(params: Tensor, sample: Sample) -> Tensor:
        return log_ratio(params.detach(), sample(Bernoulli(logits=params)))

    tape = Tape()
    points = POINT.expand(4, 2)
    program(points, recording(4, torch.Generator().manual_seed(3), tape))
    leaf = POINT.clone().requires_grad_()
    half_variance = log_ratio(leaf.expand(4, 2), tape.draws[0].index.double()).var() / 2
    (expected,) = torch.autograd.grad(half_variance, leaf)
    row = VarGrad(4)(program, POINT, 1, torch.Generator().manual_seed(3))[0]
    assert (expected != 0).all()
    torch.testing.assert_close(row, expected)


def test_one_run_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="group=1"):
        VarGrad(1)


@dataclass(frozen=True)
class BiasedCovariance(VarGrad):
    """Planted: divided by K where K - 1 belongs."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return super().__call__(program, params, num_samples, generator) * (self.group - 1) / self.group


def test_planted_biased_covariance_is_found() -> None:
    mean, _ = exact_moments(BiasedCovariance(3), two_bits, POINT)
    assert (mean - enumerate_paths(two_bits, POINT).gradient()).abs().max() > 0.01
