"""The growth of a variance with the size of the problem: a power, an exponential, or undecided."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from .growth import Growth, judge_growth

__all__ = ["ExponentFit", "GrowthFits", "RangeFit", "compare_growth", "fit_exponent", "local_exponents", "range_fits"]

Array = NDArray[np.float64]
TAIL_FACTOR = 5.0  # the tail is what lies within this factor of the largest size
LACK_OF_FIT = 0.01


@dataclass(frozen=True, kw_only=True)
class ExponentFit:
    """A straight line through ln V against ln n, and the tests of it.

    Attributes:
        slope: The exponent.
        interval: The exponent's confidence interval, widened by the misfit if there is one.
        p_value: The chi-square p-value of the misfit to a straight line; NaN without degrees of freedom or errors.
        misfit: True if ``p_value`` is below 0.01, so that the exponent depends on the range.
        tail_slope: The exponent over the largest sizes alone.
        tail_interval: The confidence interval of the tail's exponent.
        tail_from: The smallest size of the tail.
        growth: ``polynomial``, ``exponential`` or ``undecided``.
        rate: The coefficient c in ln V = a + beta ln n + c n; NaN below four sizes.
        rate_interval: The confidence interval of ``rate``.
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
    r"""Fit :math:`\ln V = a + \beta \ln n` by least squares with weights :math:`1 / \mathrm{SE}^2`.

    `growth.judge_growth` says which growth this is: the lower orders of a polynomial curve the line too, and precise variances
    show it.

    Args:
        sizes: Problem sizes ``[k]``, at least two of them different.
        variances: Positive variances ``[k]``.
        errors: Standard errors of ln V ``[k]``; None if the variances are exact, so that the scatter about the line is the
            only error.
        confidence: Coverage of the intervals.

    Returns:
        The fit.

    Raises:
        ValueError: If sizes, variances or errors are not positive and finite, or are too few.

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
        growth=judge_growth(n, y, se, rate_interval),
        rate=rate,
        rate_interval=rate_interval,
    )


@dataclass(frozen=True, kw_only=True)
class RangeFit:
    """The exponent over a part of the sizes.

    Attributes:
        start: The smallest size.
        end: The largest size.
        slope: The exponent.
        interval: The exponent's confidence interval; infinite if the data give none.
    """

    start: float
    end: float
    slope: float
    interval: tuple[float, float]


def range_fits(
    sizes: ArrayLike, variances: ArrayLike, errors: ArrayLike | None = None, *, confidence: float = 0.95
) -> tuple[RangeFit, ...]:
    """Fit the exponent over every range of three sizes or more that ends at the largest size or starts at the smallest.

    An exponent that changes with the range is not one yet. Arguments and errors are those of `fit_exponent`.

    Example:
        >>> [(each.start, each.end, round(each.slope, 2)) for each in range_fits([10, 20, 40, 80], [15.0, 50.0, 180.0, 680.0])]
        [(10.0, 80.0, 1.84), (20.0, 80.0, 1.88), (10.0, 40.0, 1.79)]
    """
    n, y, se = _sort_points(sizes, variances, errors)
    count = len(n)
    cuts = [*((start, count) for start in range(count - 2)), *((0, end) for end in range(count - 1, 2, -1))]
    return tuple(_over(n[a:b], y[a:b], None if se is None else se[a:b], confidence) for a, b in cuts)


def local_exponents(
    sizes: ArrayLike, variances: ArrayLike, errors: ArrayLike | None = None, *, confidence: float = 0.95
) -> tuple[RangeFit, ...]:
    """Compute the exponent between every size and the next; for exact variances the interval is the slope itself.

    Arguments and errors are those of `fit_exponent`.
    """
    n, y, se = _sort_points(sizes, variances, errors)
    reach = float(stats.norm.isf((1 - confidence) / 2))
    found = []
    for k in range(len(n) - 1):
        run = math.log(n[k + 1] / n[k])
        slope = float(y[k + 1] - y[k]) / run
        error = 0.0 if se is None else reach * math.hypot(se[k], se[k + 1]) / run
        found.append(RangeFit(start=float(n[k]), end=float(n[k + 1]), slope=slope, interval=(slope - error, slope + error)))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class GrowthFits:
    """Two straight lines through ln V, and their residuals.

    Attributes:
        power: Root mean square residual of ln V from ``a + b ln n``; its ``exp`` is a factor of V.
        exponential: Root mean square residual of ln V from ``a + c n``.
        rate: The coefficient c in ``a + c n``: the relative growth of V with each unit of n.
    """

    power: float
    exponential: float
    rate: float


def compare_growth(sizes: ArrayLike, variances: ArrayLike, errors: ArrayLike | None = None) -> GrowthFits:
    """Compare a power and an exponential, each with two coefficients, as descriptions of the variances.

    `fit_exponent` gives the verdict, from both terms together; this function shows how far either line is off. Arguments and
    errors are those of `fit_exponent`, but three sizes are needed.

    Example:
        >>> fits = compare_growth([10, 20, 40, 80], [1.0, 4.0, 16.0, 64.0])
        >>> fits.power < 1e-12 < 0.3 < fits.exponential
        True
    """
    n, y, se = _sort_points(sizes, variances, errors)
    if len(n) < 3:
        raise ValueError(f"sizes={n}; expected at least three to compare two lines")
    power, _ = _line(np.log(n), y, se)
    exponential, rate = _line(n, y, se)
    return GrowthFits(power=power, exponential=exponential, rate=rate)


def _line(x: Array, y: Array, se: Array | None) -> tuple[float, float]:
    """Return the unweighted root mean square residual and the slope of a weighted line."""
    weight = np.ones_like(y) if se is None else 1 / se
    slope, level = np.polyfit(x, y, 1, w=weight)
    return float(np.sqrt(np.mean((y - level - slope * x) ** 2))), float(slope)


def _over(n: Array, y: Array, se: Array | None, confidence: float) -> RangeFit:
    slope, interval, _ = _last_coefficient([np.ones_like(n), np.log(n)], y, se, confidence)
    return RangeFit(start=float(n[0]), end=float(n[-1]), slope=slope, interval=interval)


def _sort_points(sizes: ArrayLike, variances: ArrayLike, errors: ArrayLike | None) -> tuple[Array, Array, Array | None]:
    """Return the sizes in order, ln V, and its errors."""
    n, v = np.asarray(sizes, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    se = None if errors is None else np.asarray(errors, dtype=np.float64)
    _validate(n, v, se)
    order = np.argsort(n, kind="stable")
    return n[order], np.log(v[order]), None if se is None else se[order]


def _last_coefficient(
    columns: list[Array], y: Array, se: Array | None, confidence: float
) -> tuple[float, tuple[float, float], float]:
    """Return the last column's coefficient, its interval, and the chi-square p-value of the misfit."""
    weight = np.ones_like(y) if se is None else 1 / se
    design = np.stack(columns, axis=1) * weight[:, None]
    # The columns are scaled alike, so that the normal equations are as well conditioned as the problem is.
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
        raise ValueError(f"sizes of shape {n.shape}, variances of shape {v.shape}; expected vectors of one length, errors too")
    if np.unique(n).size < 2:
        raise ValueError(f"sizes={n}; expected at least two different ones to fit an exponent")
    positive = [("sizes", n), ("variances", v)] + ([] if se is None else [("errors", se)])
    for name, values in positive:
        if not ((values > 0) & np.isfinite(values)).all():
            raise ValueError(f"{name}={values}; expected positive and finite numbers")
