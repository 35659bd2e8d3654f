"""Flows on all states at once: the rates at which a drawn outcome turns into another as the parameter grows.

A flow R satisfies ``sum_z P(z) R(z -> y) - P(y) sum_z' R(y -> z') = dP(y)``, so that
``dE f = E sum_z' R(z -> z') (f(z') - f(z))``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .chain import NO_OUTCOME, Array, ChainError, Tables

__all__ = ["FLOWS", "flow_mixture", "inversion_jumps"]

FLOWS = ("leave_one_out", "upward", "downward", "one_sided")
"""The flows that a mixture may hold."""


def flow_mixture(tables: Tables, shares: Mapping[str, float]) -> Array:
    """Return ``sum_i a_i R_i``, which is a flow if the shares a_i sum to one.

    ``leave_one_out``: dP(z'). ``upward``: ``sum_{j > z} dP(j) / P(z)``, to z + 1. ``downward``:
    ``sum_{j < z} dP(j) / P(z)``, to z - 1. ``one_sided``: the positive parts of the last two. States with an outcome of
    probability zero always follow the leave-one-out flow.

    Args:
        tables: Tables of one step, with a scalar parameter.
        shares: Share a_i of each flow, by its name.

    Returns:
        Rates R(z -> z') on every state, ``[S, K, K]``, zero where z = z'.

    Raises:
        ChainError: A flow is unknown.
    """
    unknown = sorted(set(shares) - set(FLOWS))
    if unknown:
        raise ChainError(f"flow {unknown[0]!r}; expected one of {', '.join(FLOWS)}")
    others = tables.derivative[:, None, :] * (1 - np.eye(tables.derivative.shape[1]))
    above, below = _neighbour_rates(tables)
    named = {
        "leave_one_out": others,
        "upward": above,
        "downward": below,
        "one_sided": np.maximum(above, 0.0) + np.maximum(below, 0.0),
    }
    positive = (tables.probability > 0) | (tables.successor == NO_OUTCOME)
    interior = np.all(positive, axis=1).reshape(-1, 1, 1)
    mixture: Array = np.zeros_like(others)
    for name, share in shares.items():
        mixture += share * np.where(interior, named[name], others)
    return mixture


def inversion_jumps(tables: Tables) -> Array:
    """Return the rates of the jumps that inversion makes when the parameter grows.

    With ``L_z = sum_{j <= z} dP(j)``, an outcome z jumps to the next possible outcome below at rate ``L_{z-1} / P(z)`` if that
    is positive, and to the next above at rate ``-L_z / P(z)`` if that is. Outcomes with P = dP = 0 are skipped.

    Args:
        tables: Tables of one step, with a scalar parameter.

    Returns:
        Rates, ``[S, K, K]``, zero where z = z' and where P(z) = 0.
    """
    probability, derivative = tables.probability, tables.derivative
    categories = probability.shape[1]
    open_to = (probability > 0) | (derivative != 0)
    above, below = _neighbour_rates(tables)
    rates = np.zeros((len(probability), categories, categories))
    for z in range(categories):
        up = np.maximum(above[:, z].sum(1), 0.0)
        down = np.maximum(below[:, z].sum(1), 0.0)
        for target, rate in ((range(z + 1, categories), up), (range(z - 1, -1, -1), down)):
            left = rate.copy()
            for other in target:
                rates[:, z, other] = np.where(open_to[:, other], left, 0.0)
                left = np.where(open_to[:, other], 0.0, left)
    return rates


def _neighbour_rates(tables: Tables) -> tuple[Array, Array]:
    """Return the signed rates to z + 1 and to z - 1, ``[S, K, K]`` each, zero where P(z) = 0."""
    probability, derivative = tables.probability, tables.derivative
    categories = probability.shape[1]
    scale = np.where(probability > 0, probability, np.inf)
    # Tails are summed from their own end, because they are divided by probabilities that are as small.
    tail = np.flip(np.flip(derivative, 1).cumsum(1), 1)
    head = derivative.cumsum(1)
    above, below = np.zeros((2, len(probability), categories, categories))
    for z in range(categories - 1):
        above[:, z, z + 1] = tail[:, z + 1] / scale[:, z]
        below[:, z + 1, z] = head[:, z] / scale[:, z + 1]
    return above, below
