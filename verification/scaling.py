"""How a variance grows with the size of the problem: a power, an exponential, or not decided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

__all__ = ["ExponentFit", "fit_exponent"]

Array = NDArray[np.float64]
Growth = Literal["polynomial", "exponential", "undecided"]

TAIL_FACTOR = 5.0  # the tail is what lies within this factor of the largest size
LACK_OF_FIT = 0.01
NEGLIGIBLE_GROWTH = math.log(1.5)


@dataclass(frozen=True, kw_only=True)
class ExponentFit:
    """A straight line through ln V against ln n, and how far it is to be believed.

    Attributes:
        slope: The exponent.
        interval: Its confidence interval, widened by the misfit where there is one.
        p_value: Of the misfit to a straight line, by chi-square; NaN with no degree of freedom or no errors.
        misfit: Whether ``p_value`` is below 0.01, so that the exponent depends on the range.
        tail_slope: The exponent over the largest sizes alone.
        tail_interval: Its confidence interval.
        tail_from: The smallest size in that tail.
        growth: ``polynomial``, ``exponential`` or ``undecided``.
        rate: c in ln V = a + beta ln n + c n; NaN below four sizes.
        rate_interval: Its confidence interval.
    """

    slope: float
    interval: tuple[float, float]
    p_value: float
    misfit: bool
    tail_slope: float
    tail_interval: tuple[float, float]
    tail_from: float
    growth: Growth
    rate: float
    rate_interval: tuple[float, float]


def fit_exponent(
    sizes: ArrayLike, variances: ArrayLike, errors: ArrayLike | None = None, *, confidence: float = 0.95
) -> ExponentFit:
    r"""Weighted least squares of :math:`\ln V = a + \beta \ln n`, with weights :math:`1 / \mathrm{SE}^2`.

    The growth is called exponential where the whole interval of c in :math:`a + \beta \ln n + c n` gives more than a
    factor of 1.5 over the sizes measured, and polynomial where all of it gives less: a polynomial's lower orders curve the
    line too, and precise variances show it.

    Args:
        sizes: Problem sizes ``[k]``, at least two of them different.
        variances: Positive variances ``[k]``.
        errors: Standard errors of ln V ``[k]``; None where the variances are exact. The scatter about the line is then
            the only error.
        confidence: Coverage of the intervals.

    Returns:
        The fit.

    Raises:
        ValueError: If sizes, variances or errors are not positive and finite, or too few.

    Example:
        >>> fit = fit_exponent([10, 20, 40, 80], [1.0, 4.0, 16.0, 64.0], [0.1] * 4)
        >>> round(fit.slope, 6), fit.misfit
        (2.0, False)
    """
    n, v = np.asarray(sizes, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    se = None if errors is None else np.asarray(errors, dtype=np.float64)
    _validate(n, v, se)
    y = np.log(v)
    slope, interval, p_value = _last_coefficient([np.ones_like(n), np.log(n)], y, se, confidence)
    tail = n >= min(n.max() / TAIL_FACTOR, np.unique(n)[-2])
    tail_se = None if se is None else se[tail]
    tail_slope, tail_interval, _ = _last_coefficient([np.ones(int(tail.sum())), np.log(n[tail])], y[tail], tail_se, confidence)
    rate, rate_interval = math.nan, (-math.inf, math.inf)
    if np.unique(n).size >= 4:
        rate, rate_interval, _ = _last_coefficient([np.ones_like(n), np.log(n), n], y, se, confidence)
    return ExponentFit(
        slope=slope,
        interval=interval,
        p_value=p_value,
        misfit=p_value < LACK_OF_FIT,
        tail_slope=tail_slope,
        tail_interval=tail_interval,
        tail_from=float(n[tail].min()),
        growth=_growth(rate_interval, float(n.max())),
        rate=rate,
        rate_interval=rate_interval,
    )


def _growth(rate: tuple[float, float], largest: float) -> Growth:
    if max(-rate[0], rate[1]) * largest < NEGLIGIBLE_GROWTH:
        return "polynomial"
    return "exponential" if rate[0] * largest > NEGLIGIBLE_GROWTH else "undecided"


def _last_coefficient(
    columns: list[Array], y: Array, se: Array | None, confidence: float
) -> tuple[float, tuple[float, float], float]:
    """Estimate and interval of the last column's coefficient, and the chi-square p-value of the misfit."""
    weight = np.ones_like(y) if se is None else 1 / se
    design = np.stack(columns, axis=1) * weight[:, None]
    # Columns of like size, so that the normal equations are as well conditioned as the problem is.
    norm = np.linalg.norm(design, axis=0)
    q, r = np.linalg.qr(design / norm)
    coefficients = np.linalg.solve(r, q.T @ (y * weight)) / norm
    chi2 = float(((y * weight - design @ coefficients) ** 2).sum())
    error = float(np.linalg.norm(np.linalg.inv(r)[-1]) / norm[-1])
    freedom = y.size - len(columns)
    tail = (1 - confidence) / 2
    p_value = math.nan
    if se is None:
        error *= math.sqrt(chi2 / freedom) if freedom else math.inf
        reach = float(stats.t.isf(tail, freedom)) * error if freedom else math.inf
    else:
        p_value = float(stats.chi2.sf(chi2, freedom)) if freedom else math.nan
        reach = float(stats.norm.isf(tail)) * error
        reach *= math.sqrt(chi2 / freedom) if p_value < LACK_OF_FIT else 1.0
    estimate = float(coefficients[-1])
    return estimate, (estimate - reach, estimate + reach), p_value


def _validate(n: Array, v: Array, se: Array | None) -> None:
    if n.ndim != 1 or n.shape != v.shape or (se is not None and se.shape != n.shape):
        raise ValueError(f"sizes, variances and errors must be vectors of one length; got {n.shape}, {v.shape}")
    if np.unique(n).size < 2:
        raise ValueError(f"an exponent needs at least two sizes; got {n}")
    positive = [("sizes", n), ("variances", v)] + ([] if se is None else [("errors", se)])
    for name, values in positive:
        if not ((values > 0) & np.isfinite(values)).all():
            raise ValueError(f"{name} must be positive and finite; got {values}")
