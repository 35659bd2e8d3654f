r"""The norm of a mean vector: an unbiased estimate of its square, limits, and the test that it is small.

With batch sums :math:`s_k` of :math:`m_k` rows, :math:`N = \sum m_k` and :math:`W = N^2 - \sum m_k^2`, products of different
batches estimate the squared norm of the mean b of a row without bias, because their noise is independent:

.. math:: U = \frac{1}{W} \sum_{j \neq k} \langle s_j, s_k \rangle, \qquad
    \mathrm{Var}\, U = \frac{2 Q}{W} + L\, b^\top \Sigma b, \qquad L = \frac{4}{W^2} \sum_k m_k (N - m_k)^2

where :math:`\Sigma` is the covariance of one row and :math:`Q = \mathrm{tr}\, \Sigma^2`. The direction of b is unknown, and the
largest eigenvalue of :math:`\Sigma` is at most :math:`\sqrt Q`. So :math:`b^\top \Sigma b \le |b|^2 \sqrt Q` in any direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["SquaredNorm", "rows_for_norm", "squared_norm"]

Array = NDArray[np.float64]

POWER_QUANTILE = 1.2815515655446004  # normal quantile of 0.9


@dataclass(frozen=True, kw_only=True)
class SquaredNorm:
    """The squared norm of the mean of one row, estimated from batch sums.

    Attributes:
        estimate: The unbiased estimate U; it may be negative.
        spread: The trace Q of the squared covariance of one row.
        rows: The number of rows N.
        pairs: The number W of ordered pairs of rows in different batches.
        linear: The factor L of the variance that grows with the mean.
        freedom: Degrees of freedom of ``spread``.
    """

    estimate: float
    spread: float
    rows: int
    pairs: float
    linear: float
    freedom: int

    def limits(self, critical: float) -> tuple[float, float]:
        r"""Return limits for the norm: the norms T that a test of :math:`|b| = T` at a critical value does not reject.

        .. math:: |U - T^2| \le c \sqrt{2 Q / W + L T^2 \sqrt Q}

        Args:
            critical: The critical value c of a standard normal statistic.

        Returns:
            The lower limit, which may be zero, and the upper one; infinite if there are fewer than three batches.
        """
        if self.freedom < 2:
            return 0.0, math.inf
        c = student(critical, self.freedom)
        fixed, slope = 2 * self.spread / self.pairs, self.linear * math.sqrt(self.spread)
        middle = self.estimate + c * c * slope / 2
        root = c * math.sqrt(max(c * c * slope * slope / 4 + fixed + slope * self.estimate, 0.0))
        return math.sqrt(max(middle - root, 0.0)), math.sqrt(max(middle + root, 0.0))


def student(critical: float, freedom: int) -> float:
    """Return the critical value of Student's law that has the tail of a normal one.

    Args:
        critical: The critical value of a normal statistic.
        freedom: Degrees of freedom.

    Example:
        >>> round(student(1.96, 30), 2)
        2.04
    """
    return float(-special.stdtrit(freedom, special.ndtr(-critical)))


def squared_norm(rows: NDArray[np.int64], gram: Array, dimension: int) -> SquaredNorm:
    r"""Estimate the squared norm of the mean of one row.

    The trace of the squared covariance is estimated from the centred batch means, free of the bias that their number causes
    (exactly so for normal ones), and held between the bounds that its trace sets,
    :math:`(\mathrm{tr}\, \Sigma)^2 / d \le Q \le (\mathrm{tr}\, \Sigma)^2`.

    Args:
        rows: The numbers of rows of the batches ``[k]``.
        gram: The inner products of the batch sums ``[k, k]``.
        dimension: The number of coordinates d in which the rows vary.

    References:
        Bai, Saranadasa (1996), Effect of high dimension: by an example of a two sample problem.
        Chen, Qin (2010), A two-sample test for high-dimensional data.
    """
    total = int(rows.sum())
    sizes = rows.astype(np.float64)
    pairs = float(total * total - (sizes * sizes).sum())
    if len(rows) < 2:
        return SquaredNorm(estimate=math.nan, spread=math.nan, rows=total, pairs=0.0, linear=math.inf, freedom=0)
    freedom = len(rows) - 1
    weights = np.sqrt(sizes)
    scaled = gram / weights[:, None] / weights[None, :]
    unit = weights / math.sqrt(total)
    part = (scaled * unit[None, :]).sum(axis=1)
    centred = scaled - part[:, None] * unit[None, :] - unit[:, None] * part[None, :]
    centred += unit[:, None] * unit[None, :] * float((part * unit).sum())
    trace = max(float(np.trace(centred)) / freedom, 0.0)
    square = float((centred * centred).sum()) / freedom**2
    spread = freedom**2 / (freedom + 2) / max(freedom - 1, 1) * (square - trace * trace / freedom)
    return SquaredNorm(
        estimate=float(gram.sum() - np.trace(gram)) / pairs,
        spread=min(max(spread, trace * trace / max(dimension, 1)), trace * trace),
        rows=total,
        pairs=pairs,
        linear=float(4 * (sizes * (total - sizes) ** 2).sum()) / pairs**2,
        freedom=freedom,
    )


def rows_for_norm(spread: float, bound: float, critical: float) -> float:
    r"""Return the rows after which a mean of zero is accepted as smaller than a bound with a probability of .9 or more.

    With :math:`x = \sqrt Q / (N T^2)`, acceptance needs :math:`U + c \sqrt{2 x^2 + 4 x}\, T^2 \le T^2`, and U exceeds
    :math:`1.28 \sqrt 2\, x\, T^2` with a probability of at most .1. The equation is quadratic in x.

    Args:
        spread: The trace Q of the squared covariance of one row.
        bound: The bound T.
        critical: The critical value c of the test.

    Example:
        >>> round(rows_for_norm(1.0, 1.0, 1.645), 1)
        14.6
    """
    if not bound > 0:
        return math.inf
    # (1 - p x)^2 = c^2 (2 x^2 + 4 x) with p = 1.28 sqrt 2
    power = POWER_QUANTILE * math.sqrt(2)
    a, b = 2 * critical**2 - power**2, 4 * critical**2 + 2 * power
    x = 2 / (b + math.sqrt(b * b + 4 * a))
    return math.sqrt(spread) / (x * bound * bound)
