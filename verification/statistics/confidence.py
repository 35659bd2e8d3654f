"""A confidence sequence for a mean, valid at every look and corrected for skewness, and the sample sizes for it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["boundary", "detectable", "hall_inverse", "interval", "looks", "rows_needed"]

Array = NDArray[np.float64]

POWER_QUANTILE = 1.2815515655446004  # normal quantile of 0.9
EQUIVALENCE_QUANTILE = 1.6448536269514722  # normal quantile of 0.95
PROMISE = 1.25  # a reserve, because sigma is estimated


def boundary(count: ArrayLike, start: ArrayLike, alpha: ArrayLike) -> Array:
    r"""Return the critical value of a t-like statistic that is watched at every sample size from ``start`` on.

    .. math:: c_n = \sqrt{a^2 + \ln(n / m)}, \qquad P(\chi^2_3 > a^2) = \alpha

    Brownian motion leaves :math:`\pm \sqrt{n}\, c_n` at any time after ``m`` with a probability of exactly ``alpha``;
    fewer looks make the test conservative.

    Args:
        count: The number of rows n, at least ``start``.
        start: The number of rows m at the first look.
        alpha: Two-sided error rate over the whole sequence.

    Returns:
        The critical value, in the broadcast shape of the arguments.

    Example:
        >>> round(float(boundary(1000, 1000, 0.05)) ** 2, 3)
        7.815

    References:
        Robbins, Siegmund (1970), Boundary crossing probabilities for the Wiener process and sample sums.
    """
    growth = np.log(np.asarray(count, dtype=np.float64) / np.asarray(start, dtype=np.float64))
    return np.asarray(np.sqrt(special.chdtri(3, alpha) + growth))


def hall_inverse(y: ArrayLike, skewness: ArrayLike, count: ArrayLike) -> Array:
    r"""Return the studentised mean whose Hall transform is ``y``.

    Hall's cubic transform takes the skewness out of a studentised mean :math:`T = \sqrt n (\bar y - \mu) / s`; it is monotone,
    and its value is closer to normal than T:

    .. math:: g(T) = T + \frac{k T^2}{3} + \frac{k^2 T^3}{27} + \frac{k}{6}, \qquad k = \gamma / \sqrt n

    .. math:: g^{-1}(y) = \frac{3}{k} \left[ (1 + k (y - k / 6))^{1/3} - 1 \right]

    Args:
        y: Transformed statistic.
        skewness: Sample skewness :math:`\gamma`.
        count: The number of rows n.

    Returns:
        The studentised mean.

    References:
        Hall (1992), On the removal of skewness by transformation.
    """
    y = np.asarray(y, dtype=np.float64)
    k = np.asarray(skewness, dtype=np.float64) / np.sqrt(np.asarray(count, dtype=np.float64))
    flat = np.abs(k) < 1e-12
    slope = np.where(flat, 1.0, k)
    x = slope * (y - slope / 6)
    # The cube root of 1 + x loses the digits of a small x; expm1 and log1p lose none. Beyond one half the cube root is safe.
    near = np.expm1(np.log1p(np.clip(x, -0.5, 0.5)) / 3)
    root = np.where(np.abs(x) <= 0.5, near, np.cbrt(1 + x) - 1)
    return np.where(flat, y, 3 / slope * root)


def interval(
    mean: ArrayLike, std: ArrayLike, skewness: ArrayLike, count: int, start: ArrayLike, alpha: ArrayLike
) -> tuple[Array, Array]:
    """Return the confidence sequence for the mean at this look.

    Args:
        mean: Sample means ``[c]``.
        std: Standard deviations of one row ``[c]``.
        skewness: Sample skewnesses ``[c]``.
        count: The number of rows n.
        start: The number of rows at each channel's first open look ``[c]``.
        alpha: Error rate of each channel ``[c]``.

    Returns:
        Lower and upper limits ``[c]``. With a probability of 1 - ``alpha``, all intervals of a sequence contain the mean.

    Example:
        >>> lower, upper = interval(0.0, 1.0, 0.0, 1000, 1000, 0.05)
        >>> round(float(upper), 4)
        0.0884
    """
    critical = boundary(count, start, alpha)
    error = np.asarray(std, dtype=np.float64) / math.sqrt(count)
    lower = np.asarray(mean) - error * hall_inverse(critical, skewness, count)
    upper = np.asarray(mean) - error * hall_inverse(-critical, skewness, count)
    return lower, upper


def detectable(std: ArrayLike, count: int, start: ArrayLike, alpha: ArrayLike) -> Array:
    """Return the smallest bias that the sequence would have told from zero by ``count`` rows with probability 0.9.

    Args:
        std: Standard deviations of one row ``[c]``.
        count: The number of rows n.
        start: The number of rows at the first open look ``[c]``.
        alpha: Error rate ``[c]``.

    Returns:
        The bias ``[c]``, in the units of ``std``.
    """
    error = np.asarray(std, dtype=np.float64) / math.sqrt(count)
    return np.asarray((boundary(count, start, alpha) + POWER_QUANTILE) * error)


def rows_needed(sigma: float, tolerance: float, alpha: float, *, start: int = 1000) -> int:
    r"""Return the rows after which an unbiased estimator's interval lies inside the tolerance, and a quarter more.

    .. math:: N = \left( (c_N + 1.645) \sigma / \tau \right)^2

    The equation is solved by iteration: its right side grows like ln N, so the iteration contracts.

    Args:
        sigma: Standard deviation of one row.
        tolerance: Tolerance :math:`\tau` in the same units, positive.
        alpha: Error rate of the equivalence test.
        start: The number of rows at the first open look.

    Returns:
        1.25 N, at least ``start``.

    Raises:
        ValueError: If ``tolerance`` is not positive.

    Example:
        >>> rows_needed(1.0, 0.02, 0.05)
        81533
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance={tolerance}; expected a positive number")
    if not math.isfinite(sigma):
        raise ValueError(f"sigma={sigma}; expected a finite standard deviation")
    count = float(start)
    for _ in range(100):
        critical = float(boundary(count, start, alpha))
        updated = max(float(start), ((critical + EQUIVALENCE_QUANTILE) * sigma / tolerance) ** 2)
        if abs(updated - count) <= 1e-6 * count:
            break
        count = updated
    return math.ceil(PROMISE * count)


def looks(first: int = 1000, ratio: float = 1.25, *, max_rows: int) -> list[int]:
    """Return the sample sizes at which the sequence is looked at: ``ceil(first * ratio**k)``, and ``max_rows`` last.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> looks(1000, 1.25, max_rows=2000)
        [1000, 1250, 1563, 1954, 2000]
    """
    if first < 1 or max_rows < 1 or not ratio > 1:
        raise ValueError(f"first={first}, max_rows={max_rows}, ratio={ratio}; expected first >= 1, max_rows >= 1 and ratio > 1")
    planned: list[int] = []
    size = float(first)
    while math.ceil(size) < max_rows:
        planned.append(math.ceil(size))
        size *= ratio
    return [*planned, max_rows]
