"""Central moments of rows that arrive in chunks.

Power sums cancel: sums of squares in float32 give a variance of 8 for a true 1 at mean 1e4. So the sums here are
central, and the pairwise formulas of Chan, Golub and LeVeque (second order) and Pébay (third and fourth order)
join two parts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .binomial import exact_interval

__all__ = ["GROUPS", "Moments"]

GROUPS = 30

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Moments:
    r"""Central moment sums of ``count`` independent rows of ``c`` channels.

    .. math:: M_k = \sum_i (y_i - \bar y)^k, \qquad k = 2, 3, 4

    Row ``i`` of a stage belongs to group ``i mod 30``, whatever chunk or process computed it. So the record depends
    only on the order of the merges, which is the order of the chunks, and not on the workers.

    Attributes:
        count: The number of finite rows, which the arrays below describe.
        nonfinite: The number of rows with a NaN or an infinity. To leave them out conditions the mean, so one ends the cell.
        mean: Means ``[c]``.
        m2: Second central moments ``[c]``; like ``m3`` and ``m4`` a sum over rows, not an average.
        m3: Third central moments ``[c]``.
        m4: Fourth central moments ``[c]``.
        minimum: Smallest values ``[c]``; infinity if there is no row.
        maximum: Largest values ``[c]``.
        group_count: Rows in each jackknife group ``[30]``.
        group_mean: Means of the groups ``[30, c]``.
        group_m2: Second central moments of the groups ``[30, c]``.

    References:
        Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance.
        Pébay (2008), Formulas for robust, one-pass parallel computation of covariances, SAND2008-6212.
    """

    count: int
    nonfinite: int
    mean: Array
    m2: Array
    m3: Array
    m4: Array
    minimum: Array
    maximum: Array
    group_count: NDArray[np.int64]
    group_mean: Array
    group_m2: Array

    @classmethod
    def empty(cls, channels: int) -> Moments:
        """Return the moments of no rows, the neutral element of ``merge``."""
        zero = np.zeros(channels)
        return cls(
            count=0,
            nonfinite=0,
            mean=zero,
            m2=zero,
            m3=zero,
            m4=zero,
            minimum=np.full(channels, math.inf),
            maximum=np.full(channels, -math.inf),
            group_count=np.zeros(GROUPS, dtype=np.int64),
            group_mean=np.zeros((GROUPS, channels)),
            group_m2=np.zeros((GROUPS, channels)),
        )

    @classmethod
    def from_rows(cls, rows: ArrayLike, *, first_row: int = 0) -> Moments:
        """Compute the moments of one chunk.

        Args:
            rows: ``[n, c]``, one independent replicate a row.
            first_row: The number of rows of the stage before this chunk, which places its rows in the jackknife groups.

        Returns:
            The moments of the finite rows, and the number of the others.

        Raises:
            ValueError: If ``rows`` is not a matrix.

        Example:
            >>> Moments.from_rows([[1.0], [2.0], [6.0]]).variance
            array([7.])
        """
        values = np.asarray(rows, dtype=np.float64)
        if values.ndim != 2:
            raise ValueError(f"rows have shape {values.shape}; expected [n, c], one replicate a row")
        columns = np.ascontiguousarray(values.T)
        finite = np.isfinite(columns).all(axis=0)
        nonfinite = int(len(values) - finite.sum())
        if nonfinite == len(values):
            return _with_nonfinite(cls.empty(values.shape[1]), nonfinite)
        # A non-finite row ends the cell, so the groups of the other rows do not matter.
        return _central(columns[:, finite] if nonfinite else columns, first_row, nonfinite)

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows together; the rows of this set come first.

        Raises:
            ValueError: If the numbers of channels differ.
        """
        if self.mean.shape != other.mean.shape:
            raise ValueError(f"cannot merge {self.mean.size} channels with {other.mean.size}; use one plan")
        nonfinite = self.nonfinite + other.nonfinite
        if other.count == 0:
            return _with_nonfinite(self, nonfinite)
        if self.count == 0:
            return _with_nonfinite(other, nonfinite)
        return _merge_pair(self, other, nonfinite)

    def first(self, channels: int) -> Moments:
        """Return the moments of the first channels; these moments themselves if there are no more."""
        if self.mean.size == channels:
            return self
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray) and name != "group_count"}
        return Moments(**{**vars(self), **{name: value[..., :channels] for name, value in arrays.items()}})

    @property
    def variance(self) -> Array:
        """The unbiased variance of one row ``[c]``; NaN below two rows."""
        return self.m2 / (self.count - 1) if self.count > 1 else np.full_like(self.m2, math.nan)

    @property
    def std(self) -> Array:
        """The standard deviation of one row ``[c]``."""
        return np.sqrt(self.variance)

    @property
    def standard_error(self) -> Array:
        """The standard error of the mean ``[c]``."""
        return self.std / math.sqrt(max(self.count, 1))

    @property
    def skewness(self) -> Array:
        """The third standardised moment ``[c]``; zero for a constant channel."""
        scale = np.where(self.m2 > 0, self.m2, 1.0)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.asarray(self.m3 / scale / np.sqrt(scale / max(self.count, 1)))

    @property
    def kurtosis(self) -> Array:
        """The fourth standardised moment ``[c]``: 3 for a normal law, and 1, its least value, for a constant channel."""
        scale = np.where(self.m2 > 0, self.m2, 1.0)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.where(self.m2 > 0, self.m4 / scale / (scale / max(self.count, 1)), 1.0)

    @property
    def max_share(self) -> Array:
        """The share of ``m2`` that the farthest row holds ``[c]``; zero for a constant channel."""
        far = np.maximum(self.maximum - self.mean, self.mean - self.minimum)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.where(self.m2 > 0, far * far / np.where(self.m2 > 0, self.m2, 1.0), 0.0)

    def log_variance_error(self) -> Array:
        r"""Return the standard error of the logarithm of the sample variance ``[c]``, which holds for heavy tails too.

        .. math:: \mathrm{SE}(\ln s^2) = \sqrt{(\kappa - (m - 3) / (m - 1)) / m}

        The chi-square interval assumes a kurtosis of 3, and covers a quarter of the time where the kurtosis is large.
        """
        if self.count < 2:
            return np.full_like(self.m2, math.inf)
        normal = (self.count - 3) / (self.count - 1)
        error = np.sqrt(np.maximum(self.kurtosis - normal, 0.0) / self.count)
        return np.where(self.m2 > 0, error, math.inf)

    def leave_one_out_log_variance(self) -> Array:
        """Return the log variance without each group ``[30, c]``.

        The difference of two such tables makes a paired jackknife, whose law is Student's with 29 degrees of freedom.
        """
        size = self.group_count[:, None]
        rest = self.count - size
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            between = (self.group_mean - self.mean) ** 2 * size * self.count / rest
            m2 = np.maximum(self.m2 - self.group_m2 - between, 0.0)
            return np.asarray(np.log(m2 / (rest - 1)))

    def nonfinite_rate(self, *, confidence: float = 0.95) -> tuple[float, float]:
        """Return the Clopper-Pearson interval for the rate of non-finite rows."""
        return exact_interval(self.nonfinite, self.nonfinite + self.count, confidence=confidence)


def _with_nonfinite(moments: Moments, nonfinite: int) -> Moments:
    return Moments(**{**vars(moments), "nonfinite": nonfinite})


def _central(columns: Array, first_row: int, nonfinite: int) -> Moments:
    """Compute the moments of ``columns`` [c, n], n > 0; NumPy sums pairwise along a contiguous axis."""
    count = columns.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        # Deviations from the first row, not from zero, do not cancel at a large mean, and constants stay exactly constant.
        deviation = columns - columns[:, :1]
        shift = deviation.mean(axis=1)
        mean, deviation = columns[:, 0] + shift, deviation - shift[:, None]
        square = deviation * deviation
        m2 = square.sum(axis=1)
        m3, m4 = (square * deviation).sum(axis=1), (square * square).sum(axis=1)
        place = (np.arange(GROUPS) - first_row) % GROUPS
        size = (count // GROUPS + (place < count % GROUPS)).astype(np.int64)
        sums = _group_sums(deviation, first_row)
        apart = sums / np.maximum(size, 1)[:, None]
        group_m2 = np.maximum(_group_sums(square, first_row) - sums * apart, 0.0)
    return Moments(
        count=count,
        nonfinite=nonfinite,
        mean=mean,
        m2=m2,
        m3=m3,
        m4=m4,
        minimum=columns.min(axis=1),
        maximum=columns.max(axis=1),
        group_count=size,
        group_mean=np.where(size[:, None] > 0, mean + apart, 0.0),
        group_m2=group_m2,
    )


def _group_sums(deviation: Array, first_row: int) -> Array:
    """Sum ``deviation`` [c, n] over the rows of each group ``[30, c]``."""
    channels, count = deviation.shape
    whole = count - count % GROUPS
    sums = deviation[:, :whole].reshape(channels, -1, GROUPS).sum(axis=1)
    sums[:, : count - whole] += deviation[:, whole:]
    return np.asarray(np.roll(sums, first_row, axis=1).T)


def _merge_pair(a: Moments, b: Moments, nonfinite: int) -> Moments:
    na, nb = float(a.count), float(b.count)
    n = na + nb
    with np.errstate(over="ignore", invalid="ignore"):
        delta = b.mean - a.mean
        step = delta / n
        m2 = a.m2 + b.m2 + delta * step * na * nb
        # M3 and M4 use delta / n as one factor: delta^3 alone would overflow before the quotient does.
        m3 = a.m3 + b.m3 + delta * step**2 * na * nb * (na - nb) + 3 * step * (na * b.m2 - nb * a.m2)
        m4 = (
            a.m4
            + b.m4
            + delta * step**3 * na * nb * (na * na - na * nb + nb * nb)
            + 6 * step**2 * (na * na * b.m2 + nb * nb * a.m2)
            + 4 * step * (na * b.m3 - nb * a.m3)
        )
        size = a.group_count + b.group_count
        weight = (b.group_count / np.maximum(size, 1))[:, None]
        apart = b.group_mean - a.group_mean
        group_m2 = a.group_m2 + b.group_m2 + apart**2 * a.group_count[:, None] * weight
        group_mean = a.group_mean + apart * weight
    return Moments(
        count=a.count + b.count,
        nonfinite=nonfinite,
        mean=a.mean + step * nb,
        m2=m2,
        m3=m3,
        m4=m4,
        minimum=np.minimum(a.minimum, b.minimum),
        maximum=np.maximum(a.maximum, b.maximum),
        group_count=size,
        group_mean=group_mean,
        group_m2=group_m2,
    )
