"""Joint laws of the moves of states side by side: on common uniforms, or maximally coupled to a primal's move."""

from __future__ import annotations

import numpy as np

from .chain import Array

__all__ = ["couple_by_uniforms", "couple_maximally"]


def couple_by_uniforms(*probabilities: Array) -> Array:
    """Return the joint probabilities of the outcomes of states that share a uniform and draw by inversion.

    Outcome z of state i is drawn where the uniform lies between its cumulative probabilities, so the joint probability is the
    length of the intersection of the intervals.

    Args:
        probabilities: Outcome probabilities ``[N, K]`` of each of m states.

    Returns:
        Joint probabilities ``[N, K, ..., K]``, m times K.
    """
    count = len(probabilities)
    upper: Array = np.ones(1)
    lower: Array = np.zeros(1)
    for i, each in enumerate(probabilities):
        edges = each.cumsum(1)
        # Rounding must not leave a gap at the end.
        edges[:, -1] = 1.0
        shape = (len(each), *(each.shape[1] if j == i else 1 for j in range(count)))
        upper = np.minimum(upper, edges.reshape(shape))
        lower = np.maximum(lower, np.concatenate((np.zeros((len(each), 1)), edges[:, :-1]), 1).reshape(shape))
    return np.maximum(upper - lower, 0.0)


def couple_maximally(primal: Array, beside: Array) -> Array:
    """Return the probability of an alternative's outcome z', given the primal's outcome z, under their maximal coupling.

    The alternative repeats z with probability ``min(1, P'(z) / P(z))``, and otherwise draws from ``(P' - P)^+``, normalised.

    Args:
        primal: Probabilities P of the primal, ``[N, K]``.
        beside: Probabilities P' of the alternative, ``[N, K]``.

    Returns:
        Conditional probabilities ``[N, K (z), K (z')]``; zero where ``P(z)`` is zero.
    """
    positive = primal > 0
    repeats = np.where(positive, np.minimum(1.0, beside / np.where(positive, primal, 1.0)), 0.0)
    residual = np.maximum(beside - primal, 0.0)
    total = residual.sum(1, keepdims=True)
    share = residual / np.where(total > 0, total, 1.0)
    moved = np.where(positive, 1.0 - repeats, 0.0)[:, :, None] * share[:, None, :]
    return moved + repeats[:, :, None] * np.eye(primal.shape[1])
