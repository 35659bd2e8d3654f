"""Finite differences as a reference: the only one that does not differentiate the program's text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...estimators.finite_difference import FiniteDifference, central_differences, difference_steps
from ...estimators.protocol import Claims, Estimator, Program
from ..problems.problem import Problem, ProblemError, probe
from .difference_steps import moves_outcomes, valid_steps
from .likelihood_ratio import PILOT_ROWS, TOLERANCE, draw_pilot, pilot_gate
from .reference import Array, Reference

__all__ = ["FINITE_DIFFERENCE", "SteppedDifference", "finite_difference", "too_many_coordinates"]

FINITE_DIFFERENCE = "finite difference"

MOST_COORDINATES = 50
"""The parameters of a problem at most for which differences are drawn beside another reference."""

_NOTHING_KNOWN = 1e30
"""The bound on the bias of a difference that moved nothing."""

_WORK = 2**20  # program rows times categories of one pilot, where that is more


@dataclass(frozen=True)
class SteppedDifference:
    """Central differences with common random numbers, with a half-width for every coordinate.

    Args:
        steps: The half-widths, ``[d]``.
    """

    steps: tuple[float, ...]

    claims: ClassVar[Claims] = Claims(bias="biased")
    evaluations: ClassVar[int | None] = None

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates, ``[num_samples, *param]``."""
        return central_differences(program, params.detach(), params.new_tensor(self.steps), num_samples, generator)


def finite_difference(problem: Problem, seed: int, tolerance: float = TOLERANCE) -> Reference:
    """Return central differences with common random numbers, their step chosen by a pilot and their bias bounded.

    A central difference D(h) is off by ``h^2 |f'''| / 6 + O(h^4)``, and ``D(h) - D(h / 2)`` is three quarters of that. The
    bound is 4 / 3 of that difference as measured, three standard errors added; the step is the one whose bound and standard
    error at a million rows are together the least. That f''' does not change its size within h is assumed; where the smaller
    step contradicts the larger one's bound it does, as a gradient that oscillates within h, and the contradiction is the bound.

    A difference that moved nothing says nothing: a coordinate in which no outcome flipped and the objective stayed the same
    gets a bound beyond every tolerance.
    """
    rows = max(PILOT_ROWS, min(2**15, _WORK // (2 * problem.params.numel() * probe(problem).categories)))
    steps = valid_steps(problem)
    if not steps:
        raise ProblemError(
            f"problem {problem.name!r}: its parameters are too close to where the program ends to be moved at all"
        )
    pilots = [_pilot(problem, size, each, rows, seed) for size, each in steps]
    telling = [pilot for pilot in pilots if not pilot.silent.any()] or pilots[:1]
    best = min(telling, key=lambda pilot: pilot.cost(telling[-1]))
    bound = np.where(best.silent, _NOTHING_KNOWN, best.bound_beside(telling[-1]))
    gate = pilot_gate(problem, best.gradient, tolerance)
    return Reference(FINITE_DIFFERENCE, best.gradient, best.sampler, bound, assumes=True, **gate)


def too_many_coordinates(problem: Problem) -> str:
    """Return the reason why differences of a problem are too dear to be drawn beside another reference; empty if they are not.

    What they would show beside the likelihood ratio, a dependence that differentiation misses, is looked for along directions
    (`hidden_dependence.hidden_share`), at a cost that does not grow with the number of parameters.
    """
    size = problem.params.numel()
    if size <= MOST_COORDINATES:
        return ""
    return (
        f"{size} parameters would take {2 * size} evaluations a row (limit: {MOST_COORDINATES} parameters); dependence that "
        "differentiation misses was looked for along directions instead"
    )


@dataclass(frozen=True, eq=False)
class _Pilot:
    """Differences at one step: their mean, its standard error, and a bound on their bias from half the step, ``[d]``.

    ``silent`` are the coordinates in which the difference moved nothing.
    """

    sampler: Estimator
    rows: int
    gradient: Array
    error: Array
    bound: Array
    silent: NDArray[np.bool_]

    def bound_beside(self, smaller: _Pilot) -> Array:
        """Return the bound, or the reach of a smaller step's difference and its own bound where that lies beyond."""
        apart, error = np.abs(self.gradient - smaller.gradient), 3 * np.hypot(self.error, smaller.error)
        return np.where(apart > self.bound + error, apart + error + smaller.bound, self.bound)

    def cost(self, smaller: _Pilot) -> float:
        """Return the bound and the standard error of a million rows, together."""
        return float(np.linalg.norm(self.bound_beside(smaller)) + np.linalg.norm(self.error) * math.sqrt(self.rows) / 1000)


def _pilot(problem: Problem, size: float, steps: Tensor, rows: int, seed: int) -> _Pilot:
    ends = ((size, steps), (size / 2, steps / 2))
    samplers = [_sampler(problem, each, widths) for each, widths in ends]
    wide, narrow = (
        draw_pilot(problem, sampler, rows, seed, f"step {each}") for sampler, (each, _) in zip(samplers, ends, strict=True)
    )
    change, root = wide - narrow, math.sqrt(rows)
    bound = (np.abs(change.mean(0)) + 3 * change.std(0) / root) * 4 / 3
    silent: NDArray[np.bool_] = np.asarray(~(wide.any(0) | narrow.any(0)))
    for coordinate in np.flatnonzero(silent):
        silent[coordinate] = not moves_outcomes(problem, int(coordinate), float(steps[coordinate]), rows)
    return _Pilot(samplers[0], rows, wide.mean(0), wide.std(0) / root, bound, silent)


def _sampler(problem: Problem, size: float, steps: Tensor) -> Estimator:
    """Return the differences of these steps, by their relative size where all are relative."""
    relative = bool((steps == difference_steps(problem.params, size)).all())
    return FiniteDifference(step=size) if relative else SteppedDifference(tuple(steps.tolist()))
