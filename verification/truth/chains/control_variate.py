"""The mixture of flows that leaves the conditional triple the least variance."""

from __future__ import annotations

import numpy as np

from .alternatives import conditional_triple_moments
from .chain import Chain

__all__ = ["least_variance_shares"]

_PROBES = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0), (1.0, 1.0))


def least_variance_shares(chain: Chain) -> tuple[float, float]:
    """Shares a and b of the upward and the downward flow, ``1 - a - b`` being the leave-one-out flow's.

    The variance is quadratic in them, so that six values tell it all. Cost: six recursions.

    Args:
        chain: With a scalar parameter.

    Returns:
        a and b; where several are as good, the smallest.
    """
    design = np.array([[1, a, b, a * a, b * b, a * b] for a, b in _PROBES])
    values = [conditional_triple_moments(chain, _shares(a, b)).variance for a, b in _PROBES]
    _, one, other, square, other_square, product = np.linalg.solve(design, values)
    curvature = np.array([[2 * square, product], [product, 2 * other_square]])
    upward, downward = np.linalg.lstsq(curvature, -np.array([one, other]), rcond=1e-9)[0]
    return float(upward), float(downward)


def _shares(upward: float, downward: float) -> dict[str, float]:
    return {"leave_one_out": 1 - upward - downward, "upward": upward, "downward": downward}
