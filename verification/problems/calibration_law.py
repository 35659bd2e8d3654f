"""The exact law of the calibrated walk: the probability of every position at every step, for many shifts at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["SCALE", "PathMoments", "marginals", "path_moments", "positions", "rise"]

SCALE = 20.0
"""p, the number of positions over which the probability of an upward move falls by a factor e."""


@dataclass(frozen=True, eq=False)
class PathMoments:
    """Moments of the position after each step.

    Attributes:
        mean: The mean ``E X_k``, k = 1 .. n, ``[n, points]``.
        square: The mean square ``E X_k^2``, ``[n, points]``.
    """

    mean: Float[Tensor, "n points"]
    square: Float[Tensor, "n points"]

    @property
    def variance(self) -> Float[Tensor, "n points"]:
        """The variance ``Var X_k``, ``[n, points]``."""
        return self.square - self.mean**2


def rise(position: Tensor, theta: Tensor) -> Tensor:
    """Return the probability of an upward move: exp(-(x + theta) / p), but one where x + theta <= 0.

    At x + theta = 0 it has two one-sided derivatives. The left one, zero, is used: no estimator that samples can see the right
    one from there, because a downward move never happens.
    """
    return torch.exp(-torch.relu(position + theta) / SCALE)


def positions(steps: int) -> Float[Tensor, "states"]:
    """Return every position that can be reached within `steps` steps, ``[2 steps + 1]``."""
    return torch.arange(-steps, steps + 1, dtype=torch.float64)


def marginals(theta: Float[Tensor, "points"], steps: int) -> Iterator[Float[Tensor, "points states"]]:
    """Yield the law of the position after each step, by recursion in float64; differentiable in theta. O(points steps^2).

    Args:
        theta: The shifts, ``[points]``.
        steps: The number of steps, n.

    Yields:
        The probabilities of `positions`, ``[points, 2 n + 1]``, for each of the n steps.
    """
    up = rise(positions(steps), theta.double().unsqueeze(1))
    mass = torch.zeros(len(theta), 2 * steps + 1, dtype=torch.float64)
    mass[:, steps] = 1.0
    for _ in range(steps):
        rising = mass * up
        mass = pad(rising[:, :-1], (1, 0)) + pad((mass - rising)[:, 1:], (0, 1))
        yield mass


def path_moments(theta: Float[Tensor, "points"], steps: int) -> PathMoments:
    """Return the mean and mean square of the position after each step; differentiable in theta.

    Args:
        theta: The shifts, ``[points]``.
        steps: The number of steps, n.

    Example:
        >>> path_moments(torch.tensor([0.0]), 1).mean
        tensor([[1.]], dtype=torch.float64)
    """
    place = positions(steps)
    both = torch.stack((place, place**2), -1)
    moments = torch.stack([mass @ both for mass in marginals(theta, steps)])
    return PathMoments(moments[..., 0], moments[..., 1])
