"""The mixture of flows that leaves the conditional triple the least variance."""

from __future__ import annotations

import numpy as np

from .alternatives import conditional_triple_moments
from .chain import Chain

__all__ = ["least_variance_shares"]

_PROBES = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0), (1.0, 1.0))


def least_variance_shares(chain: Chain) -> tuple[float, float]:
    """Return the shares a and b of the upward and the downward flow; ``1 - a - b`` is the leave-one-out flow's share.

    The variance is quadratic in the shares, so six values determine it. Cost: six recursions.

    Args:
        chain: A chain with a scalar parameter.

    Returns:
        a and b; the smallest ones if several are as good.
    """
    design = np.array([[1, a, b, a * a, b * b, a * b] for a, b in _PROBES])
    values = [conditional_triple_moments(chain, _shares(a, b)).variance for a, b in _PROBES]
    _, one, other, square, other_square, product = np.linalg.solve(design, values)
    curvature = np.array([[2 * square, product], [product, 2 * other_square]])
    upward, downward = np.linalg.lstsq(curvature, -np.array([one, other]), rcond=1e-9)[0]
    return float(upward), float(downward)


def _shares(upward: float, downward: float) -> dict[str, float]:
    return {"leave_one_out": 1 - upward - downward, "upward": upward, "downward": downward}
