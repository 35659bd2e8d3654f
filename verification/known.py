"""Which estimators' exact variance is known on which problems."""

from __future__ import annotations

from ..estimators.markov import MarkovProgram
from ..estimators.protocol import Estimator
from ..estimators.score_function import FittedBaseline, LeaveOneOut, ScoreFunction
from ..estimators.stochastic_triples import StochasticTriple
from .problems.problem import Problem
from .recursion import leave_one_out_variance, score_variance, walk_triple_variance

__all__ = ["has_known_variance", "known_variance"]


def has_known_variance(estimator: Estimator, problem: Problem) -> bool:
    """Whether `known_variance` has an answer, judged before the estimator is fitted."""
    program = problem.program
    if not isinstance(program, MarkovProgram) or program.states is None or problem.params.dim() > 0:
        return False
    # A subclass may draw other rows, so each class is known by itself.
    if type(estimator) is LeaveOneOut:
        return estimator.group == 2
    if type(estimator) is StochasticTriple:
        return problem.family == "random_walk" and problem.name.endswith("/p")
    return type(estimator) in (ScoreFunction, FittedBaseline)


def known_variance(estimator: Estimator, problem: Problem) -> float | None:
    """The exact variance of one replicate, by recursion on finite chains with a scalar parameter; else None.

    Args:
        estimator: As verified: fitted, if it learns.
        problem: The problem.
    """
    program, params = problem.program, problem.params.cpu()
    if not has_known_variance(estimator, problem) or not isinstance(program, MarkovProgram):
        return None
    if isinstance(estimator, ScoreFunction):
        return score_variance(program, params, estimator.baseline)
    if isinstance(estimator, LeaveOneOut):
        return leave_one_out_variance(program, params)
    return walk_triple_variance(program, params)
