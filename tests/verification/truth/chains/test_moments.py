"""Every recursion against all outcomes of the estimator's own randomness, on chains that are not the walk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import (
    ConditionalTriple,
    ConditionalTripleControlVariate,
    DiCE,
    Estimator,
    FiniteDifference,
    FlipAll,
    LeaveOneOut,
    MarkovProgram,
    ScoreFunction,
    SmoothedTriple,
    StochasticTriple,
    StraightThrough,
    VarGrad,
)
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.problems import Problem
from gradverify.verification.truth import known_moments as known
from gradverify.verification.truth.chains import alternatives, coupling, flows
from gradverify.verification.truth.chains.chain import ChainError, ReplicateMoments
from gradverify.verification.truth.chains.differences import coupled_difference_moments
from gradverify.verification.truth.chains.score import leave_one_out_moments
from gradverify.verification.truth.chains.slopes import SampleSlopes
from gradverify.verification.truth.chains.tabulate import tabulate
from gradverify.verification.truth.chains.triples import pruned_triple_moments
from gradverify.verification.truth.known_moments import known_moments

from .programs import PROBLEMS, drifting

ESTIMATORS = (
    ScoreFunction(),
    ScoreFunction(3.0),
    DiCE(baseline=1.5),
    LeaveOneOut(2),
    VarGrad(2),
    StochasticTriple(),
    ConditionalTriple(lanes=8),
    ConditionalTriple("upward", lanes=8),
    ConditionalTriple("downward", lanes=8),
    ConditionalTriple("leave_one_out", lanes=8),
    ConditionalTripleControlVariate(0.3, -0.4, lanes=8),
    FlipAll(),
    SmoothedTriple(),
    StraightThrough(),
    FiniteDifference(step=0.3),
)


def agree(known: ReplicateMoments | None, estimator: Estimator, problem: Problem) -> bool:
    """To eleven digits of the mean's square: rounding, in two computations that share no line."""
    mean, variance = (float(each) for each in exact_moments(estimator, problem.program, problem.params))
    assert known is not None
    scale = max(1.0, mean**2, variance)
    return abs(known.mean - mean) < 1e-11 * scale and abs(known.variance - variance) < 1e-11 * scale


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_recursion_agrees_with_all_outcomes(name: str, estimator: Estimator) -> None:
    if name == "boundary" and isinstance(estimator, FiniteDifference):
        pytest.skip("its probabilities are above one to the left of the point")
    problem = PROBLEMS[name]
    # The score function cannot see a derivative at probability one: both say the same wrong mean.
    assert agree(known_moments(estimator, problem), estimator, problem)


@pytest.mark.parametrize("group", [2, 3, 4])
def test_leave_one_out_of_any_group(group: int) -> None:
    problem = Problem(name="short", program=drifting(2 if group < 4 else 1), params=torch.tensor(0.6, dtype=torch.float64))
    assert agree(leave_one_out_moments(tabulate(problem.program, problem.params), group), LeaveOneOut(group), problem)


@pytest.mark.parametrize("estimator", [StochasticTriple(), ConditionalTriple(), FlipAll(), ScoreFunction()], ids=str)
def test_a_chain_that_does_not_depend_on_its_parameter_has_no_alternatives(estimator: Estimator) -> None:
    still = replace(drifting(2), site=lambda params, state, k: Bernoulli(0.4 + 0 * params))
    problem = Problem(name="still", program=still, params=torch.tensor(0.3, dtype=torch.float64))
    assert known_moments(estimator, problem) == ReplicateMoments(mean=0.0, variance=0.0)


def test_more_alternatives_than_lanes_are_refused() -> None:
    assert known_moments(ConditionalTriple("leave_one_out", lanes=1), PROBLEMS["drifting"]) is None


def test_chains_of_two_programs_are_refused() -> None:
    short, long = (tabulate(drifting(length), torch.tensor(0.5)) for length in (2, 3))
    with pytest.raises(ChainError, match="give one program at two parameters"):
        coupled_difference_moments(long, short, 0.1)
    with pytest.raises(ChainError, match="at least two"):
        leave_one_out_moments(short, 1)


class TestPlantedBugs:
    """Each changes one formula, and is found by the comparison with all outcomes."""

    @staticmethod
    def found(estimator: Estimator, name: str = "drifting") -> bool:
        return not agree(known_moments(estimator, PROBLEMS[name]), estimator, PROBLEMS[name])

    def test_residual_left_out_of_the_coupling(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = coupling.couple_maximally

        def repeats_only(primal: np.ndarray, beside: np.ndarray) -> np.ndarray:
            return right(primal, beside) * np.eye(primal.shape[1])

        monkeypatch.setattr(alternatives, "couple_maximally", repeats_only)
        assert self.found(ConditionalTriple(lanes=8), "spreading")

    def test_flow_without_its_leave_one_out_boundary(self, monkeypatch: pytest.MonkeyPatch) -> None:
        right = flows._neighbour_rates
        monkeypatch.setattr(alternatives, "flow_mixture", lambda tables, shares: right(tables)[0])
        assert self.found(ConditionalTriple("upward", lanes=8), "boundary")

    def test_state_without_its_own_slope(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """dP/dx left out: what later draws see of an earlier sample's derivative."""
        right = known.sample_slopes

        def blind(program: MarkovProgram, params: Tensor) -> SampleSlopes:
            slopes = right(program, params)
            return replace(slopes, probability=0 * slopes.probability)

        monkeypatch.setattr(known, "sample_slopes", blind)
        fresh = replace(PROBLEMS["drifting"])  # tables are kept for each problem
        assert not agree(known_moments(StraightThrough(), fresh), StraightThrough(), fresh)


def test_parameters_in_single_precision_lose_nothing() -> None:
    problem = PROBLEMS["drifting"]
    single = Problem(name="single", program=problem.program, params=problem.params.float())
    double = Problem(name="double", program=problem.program, params=problem.params.float().double())
    assert known_moments(ConditionalTriple(), single) == known_moments(ConditionalTriple(), double)


def test_vector_parameters_have_no_known_variance() -> None:
    def vector(params: Tensor, state: Tensor, k: int) -> torch.distributions.Bernoulli:
        return torch.distributions.Bernoulli(logits=params[:, 0] + params[:, 1] * state)

    program = MarkovProgram(
        1, lambda params: 0 * params[:, 0], vector, lambda state, value, k: state + value, torch.square, torch.arange(2.0)
    )
    problem = Problem(name="vector", program=program, params=torch.tensor([0.1, 0.2]))
    assert known_moments(ScoreFunction(), problem) is None
    with pytest.raises(ChainError, match="has 2 parameters"):
        pruned_triple_moments(tabulate(program, problem.params))
