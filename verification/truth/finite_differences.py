"""Finite differences as a reference: the only one that does not differentiate the program's text."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from ...estimators.finite_difference import FiniteDifference, difference_steps
from ..problems.problem import Problem, ProblemError, probe
from .likelihood_ratio import PILOT_ROWS, draw_pilot, pilot_gate
from .reference import Array, Reference

__all__ = ["FINITE_DIFFERENCE", "finite_difference"]

FINITE_DIFFERENCE = "finite difference"

_WORK = 2**20  # program rows times categories of one pilot, where that is more


def finite_difference(problem: Problem, seed: int) -> Reference:
    """Return central differences with common random numbers, their step chosen by a pilot and their bias bounded.

    A central difference D(h) is off by ``h^2 |f'''| / 6 + O(h^4)``, and ``D(h) - D(h / 2)`` is three quarters of that. The
    bound is 4 / 3 of that difference as measured, three standard errors added; the step is the one whose bound and standard
    error at a million rows are together the least. That f''' does not change its size within h is assumed; where the smaller
    step contradicts the larger one's bound it does, as a gradient that oscillates within h, and the contradiction is the bound.
    """
    rows = max(PILOT_ROWS, min(2**15, _WORK // (2 * problem.params.numel() * probe(problem).categories)))
    pilots = [_pilot(problem, step, rows, seed) for step in _valid_steps(problem)]
    if not pilots:
        raise ProblemError(
            f"problem {problem.name!r}: its parameters are too close to where the program ends to be moved at all"
        )
    best = min(pilots, key=lambda pilot: pilot.cost(pilots[-1]))
    sampler, bound = FiniteDifference(step=best.step), best.bound_beside(pilots[-1])
    return Reference(FINITE_DIFFERENCE, best.gradient, sampler, bound, assumes=True, **pilot_gate(problem))


@dataclass(frozen=True, eq=False)
class _Pilot:
    """Differences at one step: their mean, its standard error, and a bound on their bias from half the step, ``[d]``."""

    step: float
    rows: int
    gradient: Array
    error: Array
    bound: Array

    def bound_beside(self, smaller: _Pilot) -> Array:
        """Return the bound, or the reach of a smaller step's difference and its own bound where that lies beyond."""
        apart, error = np.abs(self.gradient - smaller.gradient), 3 * np.hypot(self.error, smaller.error)
        return np.where(apart > self.bound + error, apart + error + smaller.bound, self.bound)

    def cost(self, smaller: _Pilot) -> float:
        """Return the bound and the standard error of a million rows, together."""
        return float(np.linalg.norm(self.bound_beside(smaller)) + np.linalg.norm(self.error) * math.sqrt(self.rows) / 1000)


def _pilot(problem: Problem, step: float, rows: int, seed: int) -> _Pilot:
    wide, narrow = (draw_pilot(problem, FiniteDifference(step=each), rows, seed, f"step {step}") for each in (step, step / 2))
    change, root = wide - narrow, math.sqrt(rows)
    bound = (np.abs(change.mean(0)) + 3 * change.std(0) / root) * 4 / 3
    return _Pilot(step, rows, wide.mean(0), wide.std(0) / root, bound)


def _valid_steps(problem: Problem) -> list[float]:
    """Return up to two steps at which the program runs on both sides of every coordinate, its probabilities in [0, 1]."""
    valid = []
    for step in (0.3, 0.05, 0.005, 0.0005):
        shifts = torch.diag(difference_steps(problem.params, step)).reshape(-1, *problem.params.shape)
        try:
            for point in (*(problem.params + shifts), *(problem.params - shifts)):
                probe(replace(problem, params=point))
        except ProblemError:
            continue
        valid.append(step)
        if len(valid) == 2:
            break
    return valid
