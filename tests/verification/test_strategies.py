"""The strategies: what they draw, and the package's estimators held to exact gradients on what they draw."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from torch import Tensor

from gradverify.estimators import LeaveOneOut, ScoreFunction, StraightThrough
from gradverify.estimators.enumeration import Enumeration
from gradverify.estimators.protocol import Estimator
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification import Problem
from gradverify.verification.problems.problem import probe
from gradverify.verification.strategies import Polynomial, SmallProgram, logits, objectives, probabilities, small_programs

# Examples that are only asked for need not be made small.
first = settings(max_examples=500, phases=[Phase.generate], deadline=None, derandomize=True, database=None)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(st.integers(2, 5).flatmap(probabilities))
def test_probabilities_lie_on_the_simplex(point: Tensor) -> None:
    assert point.dtype == torch.float64
    assert bool(((point >= 0) & (point <= 1)).all())
    assert float(point.sum()) == pytest.approx(1.0, abs=1e-12)
    torch.distributions.Categorical(point, validate_args=True)


@pytest.mark.parametrize(
    ("edge", "interior"),
    [
        (lambda p: float(p.max()) == 1 and int((p == 0).sum()) == 2, False),
        (lambda p: 1 - 1e-9 < float(p.max()) < 1 and bool((p > 0).all()), True),
        (lambda p: 0 < float(p.min()) < 1e-9 and float(p.max()) < 0.6, True),
        (lambda p: bool((p == p[0]).all()), True),
        (lambda p: int((p == 0).sum()) == 1 and float(p.max()) != 0.5, False),
    ],
    ids=["certain", "nearly certain", "one rare", "uniform", "face"],
)
def test_every_edge_is_drawn(edge: object, interior: bool) -> None:
    found = find(probabilities(3, interior=interior), edge, settings=first)  # type: ignore[arg-type]
    assert len(found) == 3


@given(probabilities(4, interior=True, dtype=torch.float32))
def test_interior_points_have_no_zero(point: Tensor) -> None:
    assert point.dtype == torch.float32
    assert bool((point > 0).all())


def test_examples_shrink_to_the_uniform_point() -> None:
    assert find(probabilities(4), lambda point: True).tolist() == [0.25] * 4
    assert find(logits(3), lambda point: True).tolist() == [0.0] * 3


@given(logits(3))
def test_logits_are_finite_and_bounded(point: Tensor) -> None:
    assert bool((point.abs() <= 40).all())
    assert bool(torch.isfinite(point.softmax(0)).all())


def test_logits_reach_the_ends_of_the_probabilities() -> None:
    assert float(find(logits(1), lambda point: float(point.sigmoid()) == 1.0, settings=first).sigmoid()) == 1.0


@given(st.data())
def test_objectives_have_the_degree_asked_for(data: st.DataObject) -> None:
    degree = data.draw(st.integers(0, 4))
    objective = data.draw(objectives(degree=degree))
    differences = objective.function(torch.arange(degree + 2, dtype=torch.float64)).diff(n=degree)
    assert objective.degree == degree
    assert bool((differences == differences[0]).all())
    assert float(differences[0]) != 0


def test_objectives_of_no_degree_come_too() -> None:
    assert find(objectives(), lambda each: not each.continuous, settings=first).name == "indicator"
    assert find(objectives(), lambda each: each.name == "exponential", settings=first).degree is None


def test_a_polynomial_says_its_coefficients() -> None:
    cubic = Polynomial((1.0, 0.0, -2.0, 0.5))
    assert cubic(torch.tensor([2.0])).tolist() == [1 - 8 + 4]
    assert repr(cubic) == "Polynomial(coefficients=(1.0, 0.0, -2.0, 0.5))"


@few
@given(small_programs(max_sites=3))
def test_small_programs_keep_the_contract(problem: Problem) -> None:
    seen = probe(problem)
    assert isinstance(problem.program, SmallProgram)
    assert seen.num_sites == len(problem.program.sites) <= 3
    assert problem.chained == problem.program.chained
    assert problem.params.shape == (problem.program.num_logits,)


@few
@given(small_programs(max_sites=2), st.sampled_from([ScoreFunction(), ScoreFunction(baseline=1.5), LeaveOneOut()]))
def test_score_functions_are_exactly_unbiased(problem: Problem, estimator: Estimator) -> None:
    assert_exact(problem, estimator)


def assert_exact(problem: Problem, estimator: Estimator) -> None:
    """The mean over all draws is the gradient by enumeration, to rounding."""
    mean, variance = exact_moments(estimator, problem.program, problem.params)
    truth = Enumeration()(problem.program, problem.params, 1, torch.Generator())[0]
    size = 1 + float(truth.abs().max()) + float(variance.max()) ** 0.5
    assert mean == pytest.approx(truth, abs=1e-10 * size)


def test_a_biased_estimator_is_found_out_by_small_programs() -> None:
    """Planted: straight-through is exact for linear objectives, and a program of degree two or more shows that it is biased."""
    shown = given(small_programs(max_sites=1, kinds=["bit"], degree=2))(
        settings(first, max_examples=50)(lambda problem: assert_exact(problem, StraightThrough()))
    )
    with pytest.raises(AssertionError):
        shown()


@few
@given(small_programs(max_sites=2, kinds=["bit"], degree=1))
def test_straight_through_is_exact_on_linear_programs_of_one_site(problem: Problem) -> None:
    if len(problem.program.sites) == 1:  # type: ignore[attr-defined]
        assert_exact(problem, StraightThrough())


def test_chains_are_drawn_where_asked_for() -> None:
    assert find(small_programs(chained=True), lambda each: True, settings=first).chained
    assert not find(small_programs(chained=False), lambda each: True, settings=first).chained


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: probabilities(1), "at least two"),
        (lambda: logits(0), "at least 1"),
        (lambda: logits(2, bound=0.0), "positive"),
        (lambda: objectives(degree=-1), "degree=-1"),
        (lambda: small_programs(max_categories=1), "at least two"),
        (lambda: small_programs(kinds=["binary"]), "of bit, index, one-hot"),
        (lambda: small_programs(chained=True, max_sites=1), "expected at least two for a chain"),
    ],
)
def test_arguments_out_of_range_are_refused(make: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("first", ["hypothesis", "gradverify.verification"])
def test_problems_are_found_by_type_whichever_is_imported_first(first: str) -> None:
    """Through the entry point; no setting of Hypothesis is touched, and nothing is loaded before it is needed."""
    second = {"hypothesis": "gradverify.verification", "gradverify.verification": "hypothesis"}[first]
    code = f"""
import sys
import {first}
if {first!r} != "hypothesis":
    from gradverify.verification import Problem
import hypothesis
assert ("torch" in sys.modules) == ({first!r} != "hypothesis")
assert "gradverify.verification.strategies" not in sys.modules
before = (hypothesis.settings.default, hypothesis.settings().max_examples)
import {second}
from gradverify.verification import Problem
generate = hypothesis.settings(phases=[hypothesis.Phase.generate])
found = hypothesis.find(hypothesis.strategies.from_type(Problem), lambda problem: True, settings=generate)
assert type(found) is Problem and found.name.startswith("small_program:"), found
assert before == (hypothesis.settings.default, hypothesis.settings().max_examples)
"""
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
