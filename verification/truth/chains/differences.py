"""Exact moments of finite differences on common random numbers: two chains on one stream of uniforms."""

from __future__ import annotations

from itertools import product

import numpy as np

from .chain import Array, Chain, ChainError, Indices, ReplicateMoments, Tables, make_moments

__all__ = ["coupled_difference_moments"]

_NEGLIGIBLE = 1e-30
"""Joint probabilities below this are dropped: they could add only far less than rounding."""


def coupled_difference_moments(above: Chain, below: Chain, width: float) -> ReplicateMoments:
    """Compute the moments of ``(f(X_n) - f(Y_n)) / width``, where X and Y run one program at two parameters.

    Both draw by inversion on common uniforms. The recursion carries the joint law of (X, Y) on the pairs whose probability is
    above 1e-30. Cost: O(n N K^2) for N such pairs, whose number grows with the width.

    Args:
        above: The chain at the larger parameter.
        below: The same chain at the smaller one.
        width: Distance of the parameters.

    Raises:
        ChainError: The chains are not one program's.
    """
    if above.num_steps != below.num_steps or above.num_states != below.num_states or above.start != below.start:
        raise ChainError(
            "the two chains differ in their steps, their states or their start; give one program at two parameters"
        )
    if not np.array_equal(above.objective, below.objective):
        raise ChainError("the two chains differ in their objectives; give one program at two parameters")
    x = y = np.array([above.start])
    mass: Array = np.ones(1)
    for one, other in zip(above.steps(), below.steps(), strict=True):
        x, y, mass = _move_pairs(x, y, mass, one, other)
    gain = (above.objective[x] - above.objective[y]) / width
    return make_moments(gain @ mass, gain**2 @ mass)


def _move_pairs(x: Indices, y: Indices, mass: Array, one: Tables, other: Tables) -> tuple[Indices, Indices, Array]:
    """Move the pairs' joint law by one step, outcome by outcome: long vectors are fast, short inner axes are not."""
    high, low = _edges(one.probability, x), _edges(other.probability, y)
    parts = []
    for z, w in product(range(len(high) - 1), range(len(low) - 1)):
        overlap = np.minimum(high[z + 1], low[w + 1]) - np.maximum(high[z], low[w])
        weight = mass * overlap
        kept = np.flatnonzero(weight > _NEGLIGIBLE)
        parts.append((one.successor[x[kept], z], other.successor[y[kept], w], weight[kept]))
    after_x, after_y, weight = (np.concatenate(each) for each in zip(*parts, strict=True))
    if min(after_x.min(), after_y.min()) < 0:
        raise ChainError("the chain leaves its states with a positive probability; list every state that it can reach")
    # Sums over a window around the remaining pairs cost less than sorting.
    low_x, low_y = after_x.min(), after_y.min()
    width = int(after_y.max() - low_y) + 1
    sums = np.bincount((after_x - low_x) * width + after_y - low_y, weights=weight).astype(np.float64)
    kept = np.flatnonzero(sums)
    place_x, place_y = np.divmod(kept, width)
    return place_x + low_x, place_y + low_y, sums[kept]


def _edges(probability: Array, states: Indices) -> Array:
    """Return the cumulative probabilities of given states, from 0 to 1, ``[K + 1, N]``."""
    edges = np.concatenate((np.zeros((len(probability), 1)), probability.cumsum(1)), 1).T
    edges[-1] = 1.0
    return edges[:, states]
