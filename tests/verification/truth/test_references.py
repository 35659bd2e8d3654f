"""References: that they agree, which of them decides, and what a finite difference may be off."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import FiniteDifference, Sample
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.verification.plan import settle
from gradverify.verification.problems import Problem, ProblemError, find_problems, registered_problems
from gradverify.verification.truth.finite_differences import FINITE_DIFFERENCE, finite_difference
from gradverify.verification.truth.likelihood_ratio import LIKELIHOOD_RATIO, likelihood_ratio
from gradverify.verification.truth.reference import Reference
from gradverify.verification.truth.references import find_reference

from ..targets import programs
from ..targets.programs import FAIR, cubic, scalar

# Edges as an index have the law of edges as one-hot vectors, and cost as much as all others together.
LONG = ("random_walk", "bernoulli:0.01", "bernoulli:0.99", "edges:3/index")
SMALL = [name for name in registered_problems() if not name.startswith(LONG)]


def rows_of(reference: Reference, problem: Problem, count: int) -> np.ndarray:
    assert reference.sampler is not None
    rows = reference.sampler(problem.program, problem.params, count, torch.Generator().manual_seed(11))
    return rows.reshape(count, -1).numpy()


def twenty_bits(params: Tensor, sample: Sample) -> Tensor:
    """A million paths: too many to enumerate."""
    return sample(Bernoulli(params.unsqueeze(-1).expand(-1, 20), validate_args=False)).sum(-1) ** 2


MANY = Problem(name="many", program=twenty_bits, params=scalar(0.3), chained=False)
EXACT_MANY = 20 * (1 - 0.6) + 400 * 0.6  # d/dp (20 p (1 - p) + 400 p^2) at p = .3


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (registered_problems()["random_walk:10/square/p"], "exact (finite-state recursion)"),
        (registered_problems()["chain:4/cubic/theta"], "exact (enumeration)"),
        (FAIR, "exact (enumeration)"),
        (replace(MANY, exact=scalar(EXACT_MANY)), "exact (given)"),
        (MANY, LIKELIHOOD_RATIO),
        (replace(FAIR, reference=LIKELIHOOD_RATIO), LIKELIHOOD_RATIO),
        (replace(FAIR, reference=FINITE_DIFFERENCE), FINITE_DIFFERENCE),
    ],
)
def test_the_best_reference_decides(problem: Problem, kind: str) -> None:
    reference = find_reference(problem, 0, 0.1)
    assert reference.kind == kind
    assert reference.exact == kind.startswith("exact")
    assert reference.supports == (kind != FINITE_DIFFERENCE)
    assert (reference.bias_bound > 0).any() == (kind in (FINITE_DIFFERENCE, "exact (given)"))


def test_the_given_gradient_stands_beside_the_computed_one() -> None:
    reference = find_reference(FAIR, 0, 0.1)
    assert reference.gradient == pytest.approx(7.0, rel=1e-12)
    assert reference.given == pytest.approx(7.0)
    assert find_reference(replace(MANY, exact=scalar(EXACT_MANY)), 0, 0.1).given is None
    assert find_reference(replace(FAIR, exact=None), 0, 0.1).given is None


def test_recursion_and_enumeration_agree() -> None:
    problem = registered_problems()["random_walk:10/cubic/p"]
    recursion = find_reference(problem, 0, 0.1)
    assert recursion.gradient == pytest.approx(float(enumerate_paths(problem.program, problem.params).gradient()), rel=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_likelihood_ratio_agrees_with_the_exact_gradient(name: str) -> None:
    """False-fail rate below 1e-6 a coordinate (4.9 standard errors of 80,000 groups)."""
    problem = registered_problems()[name]
    exact = find_reference(problem, 0, 0.1).gradient
    rows = rows_of(likelihood_ratio(problem, 0), problem, 80_000)
    error = rows.std(0) / len(rows) ** 0.5
    assert (np.abs(rows.mean(0) - exact) < 4.9 * error).all()
    assert 2 * 4.9 * error.min() < 0.2 * np.abs(exact).max()


@pytest.mark.parametrize("name", [*SMALL, "random_walk:10/square/p", "random_walk:10/cubic/p", "random_walk:10/exponential/p"])
def test_finite_differences_are_off_by_no_more_than_their_bound(name: str) -> None:
    """The bound plus 4.9 standard errors of 20,000 rows: false-fail rate below 1e-6 a coordinate if the bound holds.

    Four rows of edges take as long as hundreds of others, so that they get fewer.
    """
    problem = registered_problems()[name]
    exact = find_reference(problem, 0, 0.1).gradient
    reference = finite_difference(problem, 0)
    rows = rows_of(reference, problem, 2_000 if name.startswith("edges") else 20_000)
    error = rows.std(0) / len(rows) ** 0.5
    assert (np.abs(rows.mean(0) - exact) < reference.bias_bound + 4.9 * error).all()


def test_the_finite_difference_bound_is_needed_and_sees_curvature() -> None:
    """d/dp of E = 1 + 7 p has no third derivative, of p^9-like chains it has one that no sample error hides."""

    def steep(params: Tensor, sample: Sample) -> Tensor:
        return sample(Bernoulli(params.unsqueeze(-1).expand(-1, 9), validate_args=False)).prod(-1)

    problem = Problem(name="steep", program=steep, params=scalar(0.5), chained=False)
    exact = 9 * 0.5**8
    step = 0.3 * 0.5
    off = ((0.5 + step) ** 9 - (0.5 - step) ** 9) / (2 * step) - exact
    bounded = finite_difference(problem, 0)
    assert off > 0.5 * exact
    assert float(bounded.bias_bound[0]) > 0.0
    rows = rows_of(bounded, problem, 100_000)
    assert abs(rows.mean() - exact) < bounded.bias_bound[0] + 4.9 * rows.std() / len(rows) ** 0.5


def oscillating(frequency: float) -> Problem:
    """``E f = sin(w theta) / w``, whose gradient turns within a step of 0.3 or 0.05 relative to theta = 0.1."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        bit = sample(Bernoulli(torch.full_like(params, 0.5)))
        return torch.sin(frequency * params) / frequency * (0.5 + bit)

    exact = scalar(math.cos(0.1 * frequency))
    return Problem(name=f"oscillating {frequency:.3f}", program=program, params=scalar(0.1), chained=False, exact=exact)


@pytest.mark.parametrize("frequency", [60.0, 2 * math.pi / 0.03, 2 * math.pi / 0.015])
def test_a_gradient_that_oscillates_within_the_larger_step_is_seen_by_the_smaller(frequency: float) -> None:
    """At the last two frequencies the larger step's differences over h and h / 2 agree: both are zero."""
    problem = oscillating(frequency)
    reference = finite_difference(problem, 0)
    assert reference.sampler == FiniteDifference(step=0.05)
    rows = rows_of(reference, problem, 20_000)
    error = 4 * rows.std(0) / math.sqrt(len(rows))
    assert np.abs(rows.mean(0) - float(problem.exact)) <= 1.1 * reference.bias_bound + error


def test_rarest_event_is_the_one_that_carries_a_bias_of_the_tolerance() -> None:
    """Paths of probability 1e-4 that hold the whole gradient: p_gate is theirs, not the site's."""

    def rare(params: Tensor, sample: Sample) -> Tensor:
        bits = sample(Bernoulli(logits=params.unsqueeze(-1).expand(-1, 4), validate_args=False))
        return bits.prod(-1)

    problem = Problem(name="rare", program=rare, params=torch.logit(scalar(0.1)), chained=False)
    assert find_reference(problem, 0, 0.1).rarest == pytest.approx(1e-4)
    assert find_reference(registered_problems()["bernoulli:0.01/cubic/p"], 0, 0.1).rarest == pytest.approx(0.01)


def test_a_declared_rare_event_counts() -> None:
    assert find_reference(replace(FAIR, rarest=1e-3), 0, 0.1).rarest == 1e-3
    assert find_reference(replace(MANY, rarest=1e-3), 0, 0.1).rarest == 1e-3
    given = find_reference(replace(MANY, exact=scalar(EXACT_MANY)), 0, 0.1)
    assert given.rarest == pytest.approx(0.3)  # of any one bit; what they do together was not looked at
    assert not given.gate_known


def test_a_program_that_no_reference_can_run_is_a_problem_error() -> None:
    (problem,) = find_problems([f"{programs.__file__}:batchwise"], quick=True)
    with pytest.raises(ProblemError, match=r"problem 'batchwise': no reference could be computed: IndexError: one row"):
        find_reference(problem, 0, settle().profile.r_accept)


def test_references_repeat_themselves_and_follow_the_seed() -> None:
    first, again, other = (likelihood_ratio(MANY, seed).gradient for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert cubic(torch.ones(1), lambda d: d.sample()).tolist() == [8.0]
