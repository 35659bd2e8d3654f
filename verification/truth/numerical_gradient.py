"""The derivative of an exact mean by differences, without noise: it sees what is hidden from automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..problems.problem import Problem, probe
from .reference import Array

__all__ = ["ExactMean", "Slopes", "confirm_slopes", "differentiate_mean", "probe_directions"]

ExactMean = Callable[[Tensor], float]
"""A function from a point to the exact mean of a program's objective there."""

_STEPS = (1e-2, 1e-3, 1e-4, 1e-5)
_ROUNDINGS = 64 * np.finfo(np.float64).eps  # of a mean over thousands of paths
_CONFIDENCE = 10  # a smaller step's correction is an estimate of the error; a bound is taken to be ten of it
_SMALL = 1e-4
_FEW = 16
_DIRECTIONS = 4


@dataclass(frozen=True, eq=False)
class Slopes:
    """Derivatives along directions, and what they may be off by.

    Attributes:
        value: The derivatives, ``[k]``; NaN where no two steps agree, or the program ends within every step.
        error: A bound on their error, ``[k]``, from the change between steps and from rounding.
    """

    value: Array
    error: Array


def differentiate_mean(mean: ExactMean, problem: Problem, directions: Array) -> Slopes:
    """Differentiate an exact mean along directions, by central differences that are extrapolated.

    With D(h) a central difference, ``(4 D(h / 2) - D(h)) / 3`` is off by ``O(h^4)``, and its distance from ``D(h / 2)`` is an
    estimate of the error; rounding adds ``64 eps E|f| / h``. Steps are absolute and relative to the parameters that move, and
    stay where the program's probabilities lie in [0, 1]. A slope counts when two steps agree on it. Cost: 8 means a direction,
    more where steps disagree.

    Args:
        mean: The exact mean.
        problem: The problem; its parameters are the point.
        directions: ``[k, d]``.
    """
    found = [_differentiate_along(mean, problem, row) for row in directions]
    return Slopes(np.array([value for value, _ in found]), np.array([error for _, error in found]))


def confirm_slopes(mean: ExactMean, problem: Problem, directions: Array, expected: Array, share: float) -> bool:
    """Return True if one difference in each direction confirms derivatives, which costs two means; False says nothing.

    Args:
        mean: The exact mean.
        problem: The problem; its parameters are the point.
        directions: ``[k, d]``.
        expected: The derivatives to confirm, ``[k]``.
        share: The relative difference that confirms.
    """
    for direction, slope in zip(directions, expected, strict=True):
        along = torch.as_tensor(direction, dtype=torch.float64).reshape(problem.params.shape)
        center = problem.params.detach().double().cpu()
        try:
            up, down = mean(center + _SMALL * along), mean(center - _SMALL * along)
        except Exception:
            return False
        if not abs((up - down) / (2 * _SMALL) - slope) <= share * abs(slope) + _ROUNDINGS * max(abs(up), abs(down)) / _SMALL:
            return False
    return True


def probe_directions(size: int, paths: float) -> Array:
    """Return directions that show a hidden dependence: every coordinate of a small problem, else four at random.

    A difference without noise shows a dependence in any direction that is not orthogonal to it.

    Args:
        size: The number of parameters.
        paths: The cost of one mean, in runs of the program.
    """
    if size <= _FEW and size * paths <= 2**17:
        return np.eye(size)
    rows = np.random.default_rng(0).normal(size=(_DIRECTIONS, size))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _differentiate_along(mean: ExactMean, problem: Problem, direction: Array) -> tuple[float, float]:
    tried: list[tuple[float, float]] = []
    for step in _steps_along(problem.params, direction):
        slope = _extrapolate(mean, problem, direction, step)
        if slope is None:
            continue
        agreeing = [other for other in tried if abs(other[0] - slope[0]) <= other[1] + slope[1]]
        if agreeing:
            return min((slope, *agreeing), key=lambda each: each[1])
        tried.append(slope)
    return float("nan"), float("inf")


def _steps_along(params: Tensor, direction: Array) -> Iterator[float]:
    """Yield steps, absolute ones first: a step relative to a parameter near zero moves nothing."""
    moved = np.abs(params.detach().double().cpu().numpy().reshape(-1))[np.abs(direction) > 0.1 * np.abs(direction).max()]
    size = float(moved.max()) or 1.0
    steps = {step * each for step in _STEPS for each in (1.0, size)}
    yield from sorted(steps, reverse=True)


def _extrapolate(mean: ExactMean, problem: Problem, direction: Array, step: float) -> tuple[float, float] | None:
    """Return the extrapolated slope and the bound on its error; None if the program does not run on both sides."""
    along = torch.as_tensor(direction, dtype=torch.float64).reshape(problem.params.shape)
    center, ends = problem.params.detach().double().cpu(), (step, -step, step / 2, -step / 2)
    try:
        for end in ends[:2]:
            probe(replace(problem, params=center + end * along))
        far_up, far_down, up, down = (mean(center + end * along) for end in ends)
    except Exception:  # the program ends within the step, each in its own way
        return None
    wide, narrow = (far_up - far_down) / (2 * step), (up - down) / step
    slope = (4 * narrow - wide) / 3
    level = max(abs(each) for each in (far_up, far_down, up, down))
    error = _CONFIDENCE * abs(slope - narrow) + _ROUNDINGS * level / step
    return (slope, error) if np.isfinite(slope) and np.isfinite(error) else None
