r"""The growth of a variance: a power of the size, an exponential, or undecided.

A power of the size has lower orders, such as ``n^3 + c n^2``, which bend the straight line of its logarithms upwards over the
sizes that a run can afford. So an upward bend is no exponential yet. It is one if no power with a correction term describes the
variances, and the exponential does so significantly better.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["NEGLIGIBLE_GROWTH", "Growth", "corrected_power_misfit", "judge_growth"]

Array = NDArray[np.float64]
Growth = Literal["polynomial", "exponential", "undecided"]

NEGLIGIBLE_GROWTH = math.log(1.5)
"""The logarithm of the factor over the sizes measured below which an exponential is none."""

EVIDENCE = 0.01
"""The level at which a power with a correction is refused."""

_ORDERS = (0.5, 1.0, 2.0, 3.0)
_SIZES = np.concatenate((-np.geomspace(0.98, 0.01, 60), np.geomspace(0.01, 1e4, 120)))
"""Corrections at the smallest size, relative to the leading power."""


def judge_growth(n: Array, y: Array, se: Array | None, rate: tuple[float, float]) -> Growth:
    r"""Return the growth of a variance.

    It is polynomial if all of the interval of c in :math:`\ln V = a + \beta \ln n + c n` is worth less than a factor of 1.5
    over the sizes. It is exponential if all of it is worth more, and if the best power with a correction,
    :math:`V = A n^\beta (1 + t n^{-\gamma})`, is refused at 1 % where the exponential is taken for true: its chi-square exceeds
    that of the exponential, per degree of freedom and one at least, by the quantile of Fisher's law, or of chi-square where
    the exponential fits.

    Args:
        n: Sizes ``[k]``, increasing.
        y: Logarithms of the variances ``[k]``.
        se: Standard errors of the logarithms ``[k]``; None if the variances are exact.
        rate: The interval of c.
    """
    largest = float(n.max())
    if max(-rate[0], rate[1]) * largest < NEGLIGIBLE_GROWTH:
        return "polynomial"
    if not rate[0] * largest > NEGLIGIBLE_GROWTH:
        return "undecided"
    return "exponential" if _refuse_corrected_power(n, y, se) else "undecided"


def corrected_power_misfit(n: Array, y: Array, se: Array | None) -> float:
    r"""Return the least chi-square of a power with a correction, :math:`\ln V = a + \beta \ln n + \ln(1 + t n^{-\gamma})`.

    Gamma is 1/2, 1, 2 or 3: the next order, an order further, or an offset. The correction at the smallest size, relative to
    the leading power, lies between -0.98 and 10,000.

    Args:
        n: Sizes ``[k]``.
        y: Logarithms of the variances ``[k]``.
        se: Standard errors of the logarithms ``[k]``; None for errors of one.
    """
    weight = np.ones_like(y) if se is None else 1 / se
    bends = np.array([np.log1p(size * (n / n.min()) ** -order) for order in _ORDERS for size in _SIZES])
    return float(_misfit([np.ones_like(n), np.log(n)], y - bends, weight).min())


def _refuse_corrected_power(n: Array, y: Array, se: Array | None) -> bool:
    freedom = n.size - 3
    if freedom < 1:
        return False
    weight = np.ones_like(y) if se is None else 1 / se
    exponential = float(_misfit([np.ones_like(n), np.log(n), n], y, weight))
    corrected = corrected_power_misfit(n, y, se)
    if se is None:
        return corrected > float(stats.f.isf(EVIDENCE, freedom, freedom)) * max(exponential, 1e-20)
    return corrected > float(stats.chi2.isf(EVIDENCE, freedom)) * max(exponential / freedom, 1.0)


def _misfit(columns: list[Array], y: Array, weight: Array) -> Array:
    """Return the weighted sum of squares that a least-squares fit leaves of every ``y``, ``[..., k]`` -> ``[...]``."""
    design = np.stack(columns, axis=1) * weight[:, None]
    norm = np.linalg.norm(design, axis=0)
    q, _ = np.linalg.qr(design / norm)
    target = y * weight
    return np.asarray(((target - target @ q @ q.T) ** 2).sum(-1))
