"""Gradients that authors give: to how many digits, and what decides where the program's own is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Enumeration, Program, Sample
from gradverify.verification import verify
from gradverify.verification.problems import Problem
from gradverify.verification.truth.given import given_rounding
from gradverify.verification.truth.references import find_reference

from ..targets.programs import scalar


@pytest.mark.parametrize(
    ("exact", "dtype", "bound"),
    [
        (0.1235, torch.float64, 5e-5),
        (0.1235, torch.float32, 5e-5),
        (12.3456, torch.float64, 5e-5),
        (7.0, torch.float64, 7e-3),
        (0.5, torch.float64, 5e-4),
        (1 / 3, torch.float64, 5e-17),
    ],
)
def test_the_digits_of_a_given_gradient_bound_its_rounding(exact: float, dtype: torch.dtype, bound: float) -> None:
    problem = Problem(name="mine", program=lambda p, s: p, params=scalar(0.3), exact=torch.tensor(exact, dtype=dtype))
    assert given_rounding(problem) == pytest.approx(bound, rel=1e-6)


def cubic(offset: float) -> Program:
    def program(params: Tensor, sample: Sample) -> Tensor:
        bits = sample(Bernoulli(logits=params, validate_args=False))
        return (bits.sum(-1) - 0.5) ** 3 + offset

    return program


LOGITS = torch.tensor([0.37, -0.81, 0.22], dtype=torch.float64)


def judged(problem: Problem, estimator: Callable[..., Tensor] | None = None) -> tuple[str, str, str]:
    bias = verify({"it": estimator or Enumeration()}, problem).cells[-1].find("bias")
    assert bias is not None
    return bias.outcome, bias.claim, bias.details["material"]


@dataclass(frozen=True)
class Scaled(Enumeration):
    """The exact gradient times a factor."""

    factor: float = 1.0

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return self.factor * super().__call__(program, params, num_samples, generator)


def test_four_digits_of_a_right_gradient_refute_no_exact_estimator() -> None:
    exact = Enumeration()(cubic(0.0), LOGITS, 1, torch.Generator())[0]
    rounded = torch.tensor(np.round(exact.numpy(), 4))
    assert judged(Problem(name="mine", program=cubic(0.0), params=LOGITS, exact=rounded)) == ("unbiased", "supported", "")


def test_a_deterministic_bias_is_found_beside_a_rounded_gradient() -> None:
    """The mend must not let a tenth of a per cent pass: enumeration decides, and only rounding is forgiven."""
    exact = Enumeration()(cubic(0.0), LOGITS, 1, torch.Generator())[0]
    problem = Problem(name="mine", program=cubic(0.0), params=LOGITS, exact=torch.tensor(np.round(exact.numpy(), 4)))
    assert judged(problem, Scaled(factor=1.001)) == ("biased", "refuted", "material")


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_single_precision_with_an_offset_is_rounding(offset: float) -> None:
    """The reference is computed in double precision, and the rounding of single precision is bounded, not tolerated."""
    problem = Problem(name="mine", program=cubic(offset), params=LOGITS.float())
    rows = Enumeration()(problem.program, problem.params, 1, torch.Generator())
    reference = find_reference(problem, 0, 0.1)
    plain = Problem(name="plain", program=cubic(0.0), params=LOGITS.float().double())
    assert reference.gradient == pytest.approx(find_reference(plain, 0, 0.1).gradient, rel=1e-9)
    off = np.abs(rows.double().numpy()[0] - reference.gradient)
    bound = np.asarray(reference.roundings) * torch.finfo(torch.float32).eps
    assert (off <= bound).all()
    assert (bound < 0.01 * np.abs(reference.gradient).max()).all()
    assert judged(problem) == ("unbiased", "supported", "")
    assert judged(problem, Scaled(factor=1.04)) == ("biased", "refuted", "material")


def parity(params: Tensor, sample: Sample) -> Tensor:
    """At even odds every bit's sign has mean zero, so every derivative is zero: ``prod (1 - 2 p_i)``."""
    return (1 - 2 * sample(Bernoulli(logits=params, validate_args=False))).prod(-1)


EVEN = torch.zeros(3, dtype=torch.float64)


def test_a_zero_gradient_takes_the_objectives_spread_for_its_scale() -> None:
    """``sd(f) = 1`` and ``F_jj = p (1 - p) = 1 / 4``: the scale is one half."""
    reference = find_reference(Problem(name="even", program=parity, params=EVEN), 0, 0.1)
    assert np.abs(reference.gradient).max() < 1e-15
    assert reference.floor == pytest.approx(np.full(3, 0.5))
    assert judged(Problem(name="even", program=parity, params=EVEN), Enumeration()) == ("unbiased", "supported", "")


def test_a_bias_beside_a_zero_gradient_is_found() -> None:
    def off(program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
        return 0.2 * torch.ones(rows, 3, dtype=params.dtype) + torch.randn(rows, 3, generator=generator, dtype=params.dtype)

    outcome = judged(Problem(name="even", program=parity, params=EVEN), off)
    assert outcome == ("biased", "refuted", "material")


def test_the_spread_is_no_scale_unless_every_coordinate_is_rounding() -> None:
    params = torch.tensor([0.0, 0.0, 1e-4], dtype=torch.float64)

    def weighed(params: Tensor, sample: Sample) -> Tensor:
        return parity(params, sample) + 1e-3 * params[:, 0]

    assert not np.any(find_reference(Problem(name="one", program=weighed, params=params), 0, 0.1).floor)


def test_the_spread_of_a_constant_objective_is_no_scale() -> None:
    def constant(params: Tensor, sample: Sample) -> Tensor:
        return 0 * sample(Bernoulli(logits=params, validate_args=False)).sum(-1) + 5

    assert not np.any(find_reference(Problem(name="constant", program=constant, params=EVEN), 0, 0.1).floor)
