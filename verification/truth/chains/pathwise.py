"""Exact moments, on finite chains, of estimators that differentiate samples: the recursion carries the path's derivative."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .chain import Array, Chain, ReplicateMoments, first_mass, make_moments, sum_arrivals
from .slopes import SampleSlopes

__all__ = ["smoothed_triple_moments", "straight_through_moments"]


def straight_through_moments(chain: Chain, slopes: SampleSlopes) -> ReplicateMoments:
    """Compute the moments of straight-through: a drawn index has the derivative of its mean, ``sum_j j dP(j)``.

    Args:
        chain: A chain with a scalar parameter.
        slopes: The chain's derivatives along a path.
    """

    def weights(probability: Array) -> Array:
        outcomes = probability.shape[1]
        return np.broadcast_to(np.arange(float(outcomes)), (*probability.shape, outcomes))

    return _moments(chain, slopes, weights)


def smoothed_triple_moments(chain: Chain, slopes: SampleSlopes) -> ReplicateMoments:
    """Compute the moments of the smoothed triple: a drawn index i has the derivative ``-sum_j w(i, j) dP(j)``.

    Here ``w(i, j) = (1[j < i] + 1[j <= i] 1[i < K - 1]) / (2 P(i))``. The derivative is the mean of the one-sided jumps
    to the two neighbours. With two outcomes, ReinMax is the same estimator.

    Args:
        chain: A chain with a scalar parameter.
        slopes: The chain's derivatives along a path.
    """
    return _moments(chain, slopes, _smooth)


def _smooth(probability: Array) -> Array:
    category = np.arange(probability.shape[1])
    left = category[None, :] < category[:, None]
    right = (category[None, :] <= category[:, None]) & (category[:, None] < len(category) - 1)
    scale = np.where(probability > 0, 2 * probability, np.inf)
    return -(left.astype(float) + right)[None] / scale[:, :, None]


def _moments(chain: Chain, slopes: SampleSlopes, weights: Callable[[Array], Array]) -> ReplicateMoments:
    """Compute the moments of ``f'(X_n) D_n``, where the path's derivative grows by ``D' = a D + b`` with a move z from x.

    With w(z, j) the derivative of a drawn index z in P(j): ``a = carry + push sum_j w(z, j) dP(j)/dx`` and
    ``b = push sum_j w(z, j) dP(j)``. The recursion carries ``E[D^i 1{X = x}]``, i = 0, 1, 2. Cost: O(n S K^2).
    """
    alike = chain.homogeneous and len(slopes.carry) == 1
    carried = np.zeros((3, chain.num_states))
    carried[0] = first_mass(chain)
    lines: list[tuple[Array, Array]] = []
    for k, tables in enumerate(chain.scalar().steps()):
        if not (alike and lines):
            at = 0 if len(slopes.carry) == 1 else k
            weight = weights(tables.probability)
            bent = np.einsum("xzj,xj->xz", weight, slopes.probability[at])
            moved_by = np.einsum("xzj,xj->xz", weight, tables.derivative)
            lines = [(slopes.carry[at] + slopes.push[at] * bent, slopes.push[at] * moved_by)]
        a, b = lines[0]
        mass, first, second = carried[:, :, None] * tables.probability
        grown = np.stack((mass, a * first + b * mass, a**2 * second + 2 * a * b * first + b**2 * mass))
        carried = sum_arrivals(grown, tables.successor)
    _, first, second = carried
    return make_moments(slopes.objective @ first, slopes.objective**2 @ second)
