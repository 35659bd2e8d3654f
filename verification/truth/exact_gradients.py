"""Exact gradients of programs that are small enough: by recursion over a finite chain's states, or by enumeration.

To add a way, write a function of a problem and a tolerance, and give it a row in `EXACT_GRADIENTS`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ...estimators.enumeration import Paths, count_paths, enumerate_paths
from ...estimators.markov import MarkovProgram
from ...estimators.protocol import UnsupportedSiteError
from ...estimators.sites.reading import COUNT_SITES
from ..problems.problem import Problem, probe
from ..statistics.channels import scales
from .recursion import chain_moments, rarest_outcome
from .reference import Array, ExactGradient, flatten

__all__ = ["EXACT_GRADIENTS", "ignored_probability"]

_ENUMERABLE = 2**14
_COUNT_TAIL = 1e-3


def _recursion(problem: Problem, tolerance: float) -> ExactGradient | None:
    """Return the gradient of a Markov program whose states are finite and known, else None."""
    program, params = problem.program, problem.params
    if not isinstance(program, MarkovProgram) or program.states is None:
        return None
    chain = chain_moments(program, params)
    gradient = flatten(chain.gradient)
    tau = tolerance * scales(gradient, problem.scale_floor)
    carried = (chain.value - chain.mean).abs()[:, None] * chain.slope.abs()
    influential = [_influential(chain.mass, column, float(limit)) for column, limit in zip(carried.T, tau, strict=True)]
    rarest = min(rarest_outcome(program, params), *influential)
    return ExactGradient("exact (finite-state recursion)", gradient, rarest)


def _enumeration(problem: Problem, tolerance: float) -> ExactGradient | None:
    """Return the gradient as a sum over all paths if they can be listed and are few enough, else None."""
    try:
        if count_paths(problem.program, problem.params) > _ENUMERABLE:
            return None
    except UnsupportedSiteError:  # a law without a list of outcomes
        return None
    paths = enumerate_paths(problem.program, problem.params.cpu())
    gradient = flatten(paths.gradient())
    tau = tolerance * scales(gradient, problem.scale_floor)
    return ExactGradient("exact (enumeration)", gradient, _rarest(paths, tau, ignored_probability(problem)))


EXACT_GRADIENTS: tuple[Callable[[Problem, float], ExactGradient | None], ...] = (_recursion, _enumeration)
"""Ways to compute a gradient without sampling, in the order in which they are tried.

Each takes the problem and the relative tolerance, which says how rare an event may be and still matter, and returns None
where it does not apply.
"""


def ignored_probability(problem: Problem) -> float:
    """Return the probability up to which an outcome counts by its influence alone, because a count's tail never ends."""
    return _COUNT_TAIL if probe(problem).types & set(COUNT_SITES) else 0.0


def _rarest(paths: Paths, tolerance: Array, ignored: float) -> float:
    """Return how rare an event may be and still carry a bias of the tolerance.

    The smaller of: the smallest marginal probability of any site's outcome; the probability of the most influential paths
    that together carry more than the tolerance, paths in decreasing order of ``|f - E f| |dlog P_j|``. Outcomes of probability
    ``ignored`` or less count by their influence alone: the tail of a count never ends.
    """
    weight = paths.weight.double()
    marginals = [float(weight[column == outcome].sum()) for column in paths.outcomes.T for outcome in torch.unique(column)]
    rarest = min((each for each in marginals if each > ignored), default=1.0)
    influence = (paths.objective - paths.mean()).abs()[:, None] * paths.weight_gradient.reshape(len(weight), -1).abs()
    for column, tau in zip(influence.T, tolerance, strict=True):
        rarest = min(rarest, _influential(weight, column, float(tau)))
    return rarest


def _influential(weight: Tensor, carried: Tensor, tau: float) -> float:
    """Return the probability of the most influential paths that together carry ``tau``.

    ``carried`` is weight times influence.
    """
    order = (carried / weight.clamp_min(1e-300)).argsort(descending=True)
    reached = carried[order].cumsum(0) > tau
    if not bool(reached.any()):
        return 1.0
    return float(weight[order][: int(reached.int().argmax()) + 1].sum())
