"""The errors that floating-point arithmetic may leave in a gradient and in its variance."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

__all__ = ["bias_rounding", "relative_rounding", "variance_rounding"]


def relative_rounding(dtype: torch.dtype) -> float:
    """Return the rounding error of a gradient of a given floating type, relative to the gradient's scale."""
    return 1e-12 if dtype == torch.float64 else 1e-6


def bias_rounding(scale: ArrayLike, dtype: torch.dtype) -> NDArray[np.float64]:
    """Return the part of a bias that rounding alone may explain.

    Args:
        scale: Scale of every coordinate ``[d]``, see `channels.scales`; a coordinate of scale zero counts as one of scale one.
        dtype: Floating type of the rows.

    Returns:
        One bound for every coordinate ``[d]``.

    Example:
        >>> bias_rounding([2.0, 0.0], torch.float32)
        array([2.e-06, 1.e-06])
    """
    scale = np.asarray(scale, dtype=np.float64)
    return np.asarray(np.where(scale > 0, scale, 1.0) * relative_rounding(dtype))


def variance_rounding(scale: ArrayLike, dtype: torch.dtype) -> float:
    r"""Return the variance that rounding alone may leave in the rows of a gradient.

    .. math:: (\max_j s_j)^2 \, \epsilon

    Half of the digits are lost, because both the computed and the sampled variance may err.

    Args:
        scale: Scale of every coordinate ``[d]``.
        dtype: Floating type of the rows.
    """
    return (float(np.max(scale)) * math.sqrt(relative_rounding(dtype))) ** 2
