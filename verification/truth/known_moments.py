"""The estimators whose exact mean and variance are known, and the problems on which they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from ...estimators.agent_torch import AgentTorchBernoulli, AgentTorchStraightThroughBernoulli
from ...estimators.conditional_triples import ConditionalTriple, ConditionalTripleControlVariate
from ...estimators.dice import DiCE
from ...estimators.finite_difference import FiniteDifference, difference_steps
from ...estimators.flip_all import FlipAll
from ...estimators.markov import MarkovProgram
from ...estimators.measure_valued import MeasureValued
from ...estimators.moving_average import MovingAverageBaseline
from ...estimators.protocol import Estimator
from ...estimators.reinmax import ReinMax
from ...estimators.score_function import FittedBaseline, LeaveOneOut, ScoreFunction
from ...estimators.smoothed_triples import SmoothedTriple
from ...estimators.stochastic_triples import StochasticTriple
from ...estimators.straight_through import StraightThrough
from ...estimators.subsets import Simple
from ...estimators.vargrad import VarGrad
from ..problems.problem import Problem
from .chains.alternatives import conditional_triple_moments, flip_all_moments
from .chains.chain import Chain, ChainError, ReplicateMoments
from .chains.differences import coupled_difference_moments
from .chains.pathwise import smoothed_triple_moments, straight_through_moments
from .chains.score import leave_one_out_moments, score_moments
from .chains.slopes import SampleSlopes, sample_slopes
from .chains.tabulate import tabulate
from .chains.triples import pruned_triple_moments

__all__ = ["has_known_variance", "known_moments", "known_variance", "problem_chain"]

_Rule = Callable[[Any, Problem], ReplicateMoments]


def has_known_variance(estimator: Estimator, problem: Problem) -> bool:
    """True if there is a recursion for the estimator on the problem; the estimator need not be fitted."""
    program = problem.program
    if not isinstance(program, MarkovProgram) or program.states is None or problem.params.dim() > 0:
        return False
    # A subclass may draw other rows, so a class does not inherit a recursion.
    return type(estimator) in _RECURSIONS


def known_variance(estimator: Estimator, problem: Problem) -> float | None:
    """Return the exact variance of one replicate on a finite chain with a scalar parameter, else None."""
    moments = known_moments(estimator, problem)
    return None if moments is None else moments.variance


def known_moments(estimator: Estimator, problem: Problem) -> ReplicateMoments | None:
    """Return the exact mean and variance of one replicate on a finite chain with a scalar parameter, else None.

    Args:
        estimator: The estimator, fitted if it learns.
        problem: The problem.
    """
    if not has_known_variance(estimator, problem):
        return None
    try:
        return _RECURSIONS[type(estimator)](estimator, problem)
    except ChainError:
        return None


@lru_cache(maxsize=8)
def problem_chain(problem: Problem) -> Chain:
    """Return the chain of a problem's program at the problem's parameters.

    Raises:
        ChainError: The program has no chain.
    """
    program = problem.program
    if not isinstance(program, MarkovProgram):
        raise ChainError(f"problem {problem.name!r} has no states; give it a MarkovProgram(states=...) for an exact recursion")
    return tabulate(program, problem.params)


@lru_cache(maxsize=8)
def _slopes(problem: Problem) -> SampleSlopes:
    assert isinstance(problem.program, MarkovProgram)
    return sample_slopes(problem.program, problem.params)


def _score_rule(estimator: Any, problem: Problem) -> ReplicateMoments:
    return score_moments(problem_chain(problem), estimator.baseline)


def _leave_one_out_rule(estimator: Any, problem: Problem) -> ReplicateMoments:
    return leave_one_out_moments(problem_chain(problem), estimator.group)


def _pruned_rule(estimator: Any, problem: Problem) -> ReplicateMoments:
    return pruned_triple_moments(problem_chain(problem))


def _conditional_rule(estimator: ConditionalTriple, problem: Problem) -> ReplicateMoments:
    return conditional_triple_moments(problem_chain(problem), {estimator.flow or "one_sided": 1.0}, lanes=estimator.lanes)


def _mixture_rule(estimator: ConditionalTripleControlVariate, problem: Problem) -> ReplicateMoments:
    up, down = estimator.upward, estimator.downward
    shares = {"leave_one_out": 1 - up - down, "upward": up, "downward": down}
    return conditional_triple_moments(problem_chain(problem), shares, lanes=estimator.lanes)


def _flip_all_rule(estimator: Any, problem: Problem) -> ReplicateMoments:
    return flip_all_moments(problem_chain(problem))


def _require_two_outcomes(rule: _Rule) -> _Rule:
    """Restrict a rule to chains whose steps have two outcomes, where two estimators are the same."""

    def moments(estimator: Any, problem: Problem) -> ReplicateMoments:
        if problem_chain(problem).probability.shape[2] != 2:
            raise ChainError("the steps have more than two outcomes; the moments are known for two only")
        return rule(estimator, problem)

    return moments


def _trapezoid_rule(estimator: ReinMax, problem: Problem) -> ReplicateMoments:
    if estimator.temperature != 1:
        raise ChainError(f"temperature={estimator.temperature}; the moments are known at temperature one only")
    return _smoothed_rule(estimator, problem)


def _smoothed_rule(estimator: Any, problem: Problem) -> ReplicateMoments:
    return smoothed_triple_moments(problem_chain(problem), _slopes(problem))


def _straight_through_rule(estimator: Any, problem: Problem) -> ReplicateMoments:
    return straight_through_moments(problem_chain(problem), _slopes(problem))


def _difference_rule(estimator: FiniteDifference, problem: Problem) -> ReplicateMoments:
    assert isinstance(problem.program, MarkovProgram)
    params = problem.params.detach().double().cpu()
    half = difference_steps(params, estimator.step).reshape(())
    above, below = (tabulate(problem.program, params + sign * half) for sign in (1, -1))
    return coupled_difference_moments(above, below, 2 * float(half))


_RECURSIONS: Mapping[type, _Rule] = {
    ScoreFunction: _score_rule,
    FittedBaseline: _score_rule,
    MovingAverageBaseline: _score_rule,
    DiCE: _score_rule,
    LeaveOneOut: _leave_one_out_rule,
    VarGrad: _leave_one_out_rule,
    StochasticTriple: _pruned_rule,
    ConditionalTriple: _conditional_rule,
    ConditionalTripleControlVariate: _mixture_rule,
    FlipAll: _flip_all_rule,
    MeasureValued: _require_two_outcomes(_flip_all_rule),
    SmoothedTriple: _smoothed_rule,
    AgentTorchBernoulli: _require_two_outcomes(_smoothed_rule),
    ReinMax: _require_two_outcomes(_trapezoid_rule),
    StraightThrough: _straight_through_rule,
    AgentTorchStraightThroughBernoulli: _require_two_outcomes(_straight_through_rule),
    Simple: _require_two_outcomes(_straight_through_rule),
    FiniteDifference: _difference_rule,
}
