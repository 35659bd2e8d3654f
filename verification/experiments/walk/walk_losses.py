"""The two losses: exactly for whole batches, and for single paths as programs that estimators differentiate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ....estimators.markov import MarkovProgram
from ...problems.calibration_law import path_moments
from ...problems.calibration_walk import SHIFT, Text, path_program
from .design import Loss

__all__ = [
    "LAYOUTS",
    "Layout",
    "LayoutError",
    "RowLoss",
    "Target",
    "exact_gradient",
    "exact_loss",
    "minimisers",
    "side_by_side",
]

_SECANT_STEPS = 7

Layout = Callable[[Tensor, int], Tensor]
"""A function that spreads one number per replicate over the program's rows, given the number of lanes."""


class LayoutError(ValueError):
    """A program was run with a number of rows that is not a multiple of the replicates."""


def side_by_side(table: Tensor, lanes: int) -> Tensor:
    """Place all lanes of a replicate side by side."""
    return table if lanes == 1 else table.repeat_interleave(lanes)


def one_behind_another(table: Tensor, lanes: int) -> Tensor:
    """Place the whole batch once per lane, one lane after another."""
    return table if lanes == 1 else table.repeat(lanes)


LAYOUTS: tuple[Layout, ...] = (side_by_side, one_behind_another)
"""The layouts that estimators use."""


@dataclass(frozen=True, eq=False)
class RowLoss:
    """A loss of one path for every replicate, each at its own point.

    The loss is the mean over the steps of ``(X_k - target_k)^2``, or of ``slope_k X_k``.

    Attributes:
        theta: The point of each replicate, ``[replicates]``.
        table: The targets or slopes, ``[steps, replicates]``.
        squared: True if the table holds targets, False if it holds slopes.
    """

    theta: Float[Tensor, "replicates"]
    table: Float[Tensor, "steps replicates"]
    squared: bool

    def program(self, text: Text, layout: Layout) -> MarkovProgram:
        """Return the program of a scalar that is added to every replicate's theta; differentiate it at zero."""
        steps, replicates = self.table.shape

        def spread(table: Tensor, rows: int) -> Tensor:
            if rows % replicates:
                raise LayoutError(f"{rows} rows for {replicates} replicates; expected a multiple of {replicates}")
            return layout(table, rows // replicates)

        def cost(position: Tensor, k: int) -> Tensor:
            row = spread(self.table[k], len(position))
            return (position - row) ** 2 / steps if self.squared else position * row / steps

        return path_program(steps, cost, text=text, shift=lambda rows: spread(self.theta, rows))


@dataclass(frozen=True, eq=False)
class Target:
    """The moments of baseline trajectories that a loss needs.

    Attributes:
        mean: The mean, ``[steps, points]``, or ``[steps, 1]`` for one baseline.
        variance: The variance, of the same shape.
    """

    mean: Float[Tensor, "steps points"]
    variance: Float[Tensor, "steps points"]

    @classmethod
    def of(cls, paths: Float[Tensor, "points n steps"]) -> Target:
        """Return the moments of trajectories, on the CPU in float64."""
        paths = paths.double()
        return cls(paths.mean(1).T.cpu(), paths.var(1, correction=0).T.cpu())

    @classmethod
    def law(cls, theta: float, steps: int) -> Target:
        """Return the moments of infinitely many trajectories at theta."""
        moments = path_moments(torch.tensor([theta], dtype=torch.float64), steps)
        return cls(moments.mean, moments.variance)


def exact_loss(theta: Float[Tensor, "points"], target: Target, loss: Loss) -> Float[Tensor, "points"]:
    """Return each point's loss against its own baseline trajectories, ``[points]``; differentiable in theta.

    The loss ``trajectory`` is the mean over steps and trajectories b of E (X_k - b_k)^2, and ``mean`` is the mean over steps of
    (E X_k - mean b_k)^2. The first is the second plus Var X_k and the baseline's variance, so it also rewards a small variance.

    Args:
        theta: The points, ``[points]``.
        target: The moments of the baselines.
        loss: The loss.
    """
    moments = path_moments(theta.double().cpu(), len(target.mean))
    centre = (moments.mean - target.mean) ** 2
    return centre.mean(0) if loss == "mean" else (centre + moments.variance + target.variance).mean(0)


def exact_gradient(theta: Float[Tensor, "points"], target: Target, loss: Loss) -> Float[Tensor, "points"]:
    """Return the derivative of `exact_loss` in every point's own theta, ``[points]``."""
    leaf = theta.detach().double().cpu().requires_grad_()
    (gradient,) = torch.autograd.grad(exact_loss(leaf, target, loss).sum(), leaf)
    return gradient


def minimisers(target: Target, loss: Loss) -> Float[Tensor, "points"]:
    """Return where each target's exact loss is least, ``[points]``, by the secant method from near theta*.

    The minimum is the zero of the derivative, which is close to 2 (theta - least), so a few steps reach rounding error.
    """
    before = torch.full((target.mean.shape[1],), SHIFT - 1, dtype=torch.float64)
    theta = before + 2
    slope_before, slope = (exact_gradient(each, target, loss) for each in (before, theta))
    for _ in range(_SECANT_STEPS):
        # If two slopes are equal the iteration has converged, and theta stays.
        rise = torch.where(slope == slope_before, 1.0, (slope - slope_before) / (theta - before))
        step = torch.where(slope == slope_before, 0.0, slope / rise)
        before, slope_before = theta, slope
        theta = theta - step
        slope = exact_gradient(theta, target, loss)
    return theta
