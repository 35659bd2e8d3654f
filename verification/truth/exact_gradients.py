"""Exact gradients of programs that are small enough: by recursion over a finite chain's states, or by enumeration.

To add a way, write a function of a problem and a tolerance, and give it a row in `EXACT_GRADIENTS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
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
_OPERATIONS = 8  # of an objective and a score, beside one for each element


def _recursion(problem: Problem, tolerance: float) -> ExactGradient | None:
    """Return the gradient of a Markov program whose states are finite and known, else None."""
    program, params = problem.program, problem.params
    if not isinstance(program, MarkovProgram) or program.states is None:
        return None
    chain = chain_moments(program, params)
    gradient = flatten(chain.gradient)
    deviation = (chain.value - chain.mean).abs()[:, None]
    information = (chain.slope.square() / chain.mass.clamp_min(1e-300)[:, None]).sum(0)
    spread = float((chain.mass * deviation[:, 0].square()).sum().sqrt()) * information.sqrt()
    steps = getattr(program, "num_steps", 1)
    size = (chain.value.abs()[:, None] * chain.slope.abs()).sum(0) * (_OPERATIONS + steps)
    floor = zero_floor(gradient, flatten(size), flatten(spread), problem)
    tau = tolerance * scales(gradient, np.maximum(floor, problem.scale_floor))
    carried = deviation * chain.slope.abs()
    influential = [_influential(chain.mass, column, float(limit)) for column, limit in zip(carried.T, tau, strict=True)]
    rarest_path = min(influential, default=1.0)
    return ExactGradient(
        kind="exact (finite-state recursion)",
        gradient=gradient,
        rarest=min(rarest_outcome(program, params), rarest_path),
        rarest_path=rarest_path,
        mean=lambda point: chain_moments(program, point).mean,
        cost=float(steps * len(chain.value)),
        roundings=flatten(size),
        floor=floor,
    )


def _enumeration(problem: Problem, tolerance: float) -> ExactGradient | None:
    """Return the gradient as a sum over all paths if they can be listed and are few enough, else None."""
    try:
        count = count_paths(problem.program, problem.params)
    except UnsupportedSiteError:  # a law without a list of outcomes
        return None
    if count > _ENUMERABLE:
        return None
    paths = enumerate_paths(problem.program, problem.params.cpu())
    gradient = flatten(paths.gradient())
    size = _path_roundings(paths)
    floor = zero_floor(gradient, size, _path_spread(paths), problem)
    tau = tolerance * scales(gradient, np.maximum(floor, problem.scale_floor))
    rarest_path = _rarest_path(paths, tau)
    return ExactGradient(
        kind="exact (enumeration)",
        gradient=gradient,
        rarest=min(_rarest_marginal(paths, ignored_probability(problem)), rarest_path),
        rarest_path=rarest_path,
        mean=lambda point: float(enumerate_paths(problem.program, point).mean()),
        cost=float(count),
        roundings=size,
        floor=floor,
    )


EXACT_GRADIENTS: tuple[Callable[[Problem, float], ExactGradient | None], ...] = (_recursion, _enumeration)
"""Ways to compute a gradient without sampling, in the order in which they are tried.

Each takes the problem and the relative tolerance, which says how rare an event may be and still matter, and returns None
where it does not apply.
"""


def ignored_probability(problem: Problem) -> float:
    """Return the probability up to which an outcome counts by its influence alone, because a count's tail never ends."""
    return _COUNT_TAIL if probe(problem).types & set(COUNT_SITES) else 0.0


def zero_floor(gradient: Array, roundings: Array, spread: Array, problem: Problem) -> Array:
    """Return the scale of a gradient that is zero but for rounding; zeros for any other gradient.

    The scale is ``sd(f) sqrt(F_jj)``, F the Fisher information: by Cauchy and Schwarz no gradient of such an objective is
    larger. It counts only if every coordinate is rounding, because it would swallow the biases of small coordinates. The spread
    of a constant objective is zero, which is no scale.

    Args:
        gradient: The gradient ``[d]``.
        roundings: See `ExactGradient`.
        spread: The scale ``[d]``.
        problem: The problem, whose floating type rounds and whose own floor comes first.
    """
    rounding = roundings * torch.finfo(problem.params.dtype).eps
    if np.any(problem.scale_floor) or (np.abs(gradient) > rounding).any() or (spread <= 3 * rounding).all():
        return np.zeros_like(gradient)
    return np.where(spread > 3 * rounding, spread, spread.max())


def _path_spread(paths: Paths) -> Array:
    """Return ``sd(f) sqrt(F_jj)`` of enumerated paths, ``[d]``."""
    weight = paths.weight.double()
    deviation = (weight * (paths.objective - paths.mean()).double().square()).sum().sqrt()
    slope = paths.weight_gradient.double().reshape(len(weight), -1)
    information = (slope.square() / weight.clamp_min(1e-300)[:, None]).sum(0)
    return flatten(deviation * information.sqrt())


def _path_roundings(paths: Paths) -> Array:
    """Return the error of a sum over paths if each operation errs by one relative unit, ``[d]``.

    It is ``c sum_x |f(x)| |dP(x)| + P(x) |df(x)|``: c operations make a term, one for each site's element and a few for the
    objective and the score, and the logarithm of the number of terms adds them up.
    """
    count = len(paths.weight)
    slope = paths.weight_gradient.double().reshape(count, -1).abs()
    direct = paths.objective_gradient.double().reshape(count, -1).abs()
    terms = paths.objective.double().abs()[:, None] * slope + paths.weight.double()[:, None] * direct
    return flatten(terms.sum(0) * (_OPERATIONS + paths.outcomes.shape[1] + math.log2(count)))


def _rarest_marginal(paths: Paths, ignored: float) -> float:
    """Return the smallest marginal probability of any site's outcome.

    Outcomes of probability ``ignored`` or less count by their influence alone: the tail of a count never ends.
    """
    weight = paths.weight.double()
    marginals = [float(weight[column == outcome].sum()) for column in paths.outcomes.T for outcome in torch.unique(column)]
    return min((each for each in marginals if each > ignored), default=1.0)


def _rarest_path(paths: Paths, tolerance: Array) -> float:
    """Return the probability of the most influential paths that together carry more than the tolerance.

    Paths are taken in decreasing order of ``|f - E f| |dlog P_j|``.
    """
    weight = paths.weight.double()
    influence = (paths.objective - paths.mean()).abs()[:, None] * paths.weight_gradient.reshape(len(weight), -1).abs()
    columns = zip(influence.T, tolerance, strict=True)
    return min((_influential(weight, column, float(tau)) for column, tau in columns), default=1.0)


def _influential(weight: Tensor, carried: Tensor, tau: float) -> float:
    """Return the probability of the most influential paths that together carry ``tau``.

    ``carried`` is weight times influence.
    """
    order = (carried / weight.clamp_min(1e-300)).argsort(descending=True)
    reached = carried[order].cumsum(0) > tau
    if not bool(reached.any()):
        return 1.0
    return float(weight[order][: int(reached.int().argmax()) + 1].sum())
