"""The independence of rows: duplicates, correlation between rows, and noise that the rows of a chunk share."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..statistics.moments import Moments
from .finding import Conformance

__all__ = [
    "correlation",
    "digest",
    "dispersion",
    "distances",
    "find_dependence",
    "find_shared_noise",
    "largest_correlation",
    "largest_dispersion",
    "repeated_lag",
    "stale_seed",
]

RATE = 1e-12
"""The false-alarm rate of correlation for each coordinate, distance and chunk, and of dispersion for each channel and chunk.

It is outside the error budget: a thorough run makes some ten million of these comparisons, which add up to 1e-5.
"""
_DEVIATIONS = -float(special.ndtri(RATE / 2))
REPEATS = 8
ROUNDING = 1e-13
"""A variance below this share of the squared level is rounding: one digit in single precision makes at most 1.4e-14 of it."""
CHANCE_MEETINGS = 5
TELLING_ROWS = 10
CHANCE_REPEAT = 1e-12
_MEDIAN_ROWS = 255

Array = NDArray[np.float64]


def correlation(rows: Array) -> tuple[float, ...]:
    """Compute the correlation of every row with the next one, and with those 1/2, 1/3, .. 1/8 of a chunk away.

    A call that uses the noise of a row twice, or that of a chunk up to eight times, repeats itself at these distances. From a
    correlation beyond the limit of independent rows the five largest products are left out: nonzero rows among many zeros meet
    each other by chance, a few times a chunk, while rows that depend on each other do so everywhere.

    Args:
        rows: The rows of a chunk, ``[n, d]``.

    Returns:
        One number for each distance and coordinate, in the order of `distances`; zero if a coordinate is constant or overflows.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(1024, 1))
        >>> next_one, half_away, *_ = correlation(np.repeat(rows, 2, axis=0))
        >>> next_one > 0.4, abs(half_away) < 0.1
        (True, True)
        >>> next_one, half_away, *_ = correlation(np.concatenate([rows, rows]))
        >>> abs(next_one) < 0.1, half_away > 0.4
        (True, True)
    """
    lags = distances(len(rows))
    if not lags or not np.isfinite(rows).all():
        return tuple(0.0 for _ in range(len(lags) * rows.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        centred = np.ascontiguousarray((rows - rows.mean(0)).T)
        total = (centred**2).sum(-1)
        # A coordinate whose spread is rounding has no meaningful correlation.
        spread = np.isfinite(total) & (total > ROUNDING * len(rows) * np.maximum(np.abs(rows).max(0), 1e-300) ** 2)
        scale = np.where(spread, total, 1.0)
        limit, found = largest_correlation(len(rows)), []
        for lag in lags:
            late, early = centred[:, lag:], centred[:, :-lag]
            along = np.where(spread, np.einsum("dn,dn->d", late, early) / scale, 0.0)
            for coordinate in np.flatnonzero(np.abs(along) > limit):
                along[coordinate] = _trimmed_sum(late[coordinate] * early[coordinate]) / scale[coordinate]
            found += along.tolist()
        return tuple(found)


def distances(rows: int) -> tuple[int, ...]:
    """Return the distances at which rows are compared: one, and a half to an eighth of all, rounded down and up.

    Example:
        >>> distances(2048)
        (1, 1024, 682, 683, 512, 409, 410, 341, 342, 292, 293, 256)
    """
    parts = (whole for part in range(2, REPEATS + 1) for whole in (rows // part, -(-rows // part)))
    return tuple(each for each in dict.fromkeys((1, *parts)) if 0 < each < rows)


def largest_correlation(rows: int) -> float:
    """Return the limit below which the correlation of independent rows stays, but for the false alarms of `RATE`."""
    return _DEVIATIONS / math.sqrt(rows)


def dispersion(chunks: Sequence[Moments]) -> Array:
    r"""Compare the variance of the chunks' means with the one that their rows imply: 1 on average for independent rows.

    .. math:: \frac{1}{C - 1} \sum_c \frac{n_c (m_c - m)^2}{\max(s_c^2, s^2)}

    with s^2 the variance of all rows. Rows that share noise within a call, in whatever order, vary together with it: a
    correlation of rho between any two of n rows adds n rho. For normal means, C - 1 times the dispersion has the law of
    chi-square. The greater of the two variances keeps sparse and heavy-tailed rows below that: one far row widens the scale of
    its own chunk, and an empty chunk borrows the scale of the others. Rows that balance each other over a call make the
    dispersion less than one, which harms no verdict.

    Args:
        chunks: Moments of each chunk, two or more.

    Returns:
        Dispersion of each channel ``[c]``; zero if the channel is constant or overflows.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(4, 1000, 1))
        >>> alone = dispersion([Moments.from_rows(each) for each in rows])
        >>> shared = dispersion([Moments.from_rows(each + noise) for each, noise in zip(rows, (0.0, 1.0, -1.0, 0.5))])
        >>> bool(alone < 3), bool(shared > 100)
        (True, True)
    """
    counts = np.array([each.count for each in chunks])[:, None]
    means, squares = np.array([each.mean for each in chunks]), np.array([each.m2 for each in chunks])
    with np.errstate(over="ignore", invalid="ignore"):
        centre = (counts * means).sum(0) / counts.sum()
        between = counts * (means - centre) ** 2
        pooled = (squares + between).sum(0) / counts.sum()
        spread = np.isfinite(pooled) & (pooled > ROUNDING * centre**2)
        scale = np.where(spread, np.maximum(squares / counts, pooled), 1.0)
        return np.asarray(np.where(spread, (between / scale).sum(0) / (len(chunks) - 1), 0.0))


def largest_dispersion(chunks: int) -> float:
    """Return the limit of the dispersion of independent rows at `RATE`: 51 for two chunks, 9.2 for nine, 3.1 for fifty."""
    return float(special.chdtri(chunks - 1, RATE)) / (chunks - 1)


def repeated_lag(first: Array, second: Array) -> int | None:
    """Return the lag at which the rows of two seeds are the same; None if they differ or may be equal by chance.

    Rows that seed themselves by the chunk's seed plus their number repeat all but one row of the next chunk: neither the
    correlation within a chunk nor a digest shows it. Sequences count as repeated if they agree on half of their length and do
    so by chance with a probability of at most 1e-12, where two rows agree as often as two of all these rows do.

    Args:
        first: The rows of one seed, ``[n, d]``.
        second: The rows of the next seed, ``[n, d]``.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(65, 2))
        >>> repeated_lag(rows[:-1], rows[1:]), repeated_lag(rows[:32], rows[33:])
        (-1, None)
        >>> repeated_lag(np.zeros((64, 1)), np.zeros((64, 1)))
    """
    equal = (first[:, None] == second[None]).all(-1)
    both = np.concatenate((first, second))
    by_chance = float((both[:, None] == both[None]).all(-1).mean())
    for lag in sorted(range(-(len(first) // 2), len(first) // 2 + 1), key=abs):
        met = equal.diagonal(lag)
        if met.all() and by_chance ** len(met) < CHANCE_REPEAT:
            return lag
    return None


def digest(rows: Array) -> bytes:
    """Return the hash of a chunk's rows, or nothing if fewer than ten differ from the median of the first ones.

    If ten of 2,048 rows differ from the others, their places alone agree in two chunks with a probability of 3e-27.
    """
    differing = int((rows != np.median(rows[:_MEDIAN_ROWS], axis=0)).any(axis=1).sum())
    return hashlib.blake2b(np.ascontiguousarray(rows).tobytes(), digest_size=32).digest() if differing >= TELLING_ROWS else b""


def stale_seed(digests: Sequence[bytes]) -> bool:
    """True if chunks of different seeds hold the same rows; an empty digest stands for rows that may be equal by chance."""
    telling = [each for each in digests if each]
    return len(set(telling)) < len(telling)


def find_dependence(digests: Sequence[bytes], correlations: Sequence[float], rows: int) -> Conformance | None:
    """Judge the rows of a chunk: return the failure if they repeat another chunk's or follow each other, else None.

    Independent rows are refused with a probability of 1e-12 a coordinate, distance and chunk.

    Args:
        digests: `digest` of every chunk so far, this one's among them.
        correlations: `correlation` of this chunk's rows.
        rows: The number of this chunk's rows.

    Example:
        >>> find_dependence([b"a", b"b"], [0.01], 1024)
        >>> find_dependence([b"a", b"b"], [0.5], 1024).reason, find_dependence([b"a", b"a"], [0.01], 1024).reason
        ('dependent rows', 'repeated rows')
    """
    if stale_seed(digests):
        note = "chunks drawn from different seeds hold the same rows: it reseeds itself, or ignores the generator given"
        return Conformance("failed", "repeated rows", note)
    limit, worst = largest_correlation(rows), max(map(abs, correlations), default=0.0)
    if worst > limit:
        note = f"rows of a chunk have correlation {worst:.3f} (limit {limit:.3f}); rows must be independent replicates"
        return Conformance("failed", "dependent rows", note)
    return None


def find_shared_noise(chunks: Sequence[Moments]) -> Conformance | None:
    """Judge the means of chunks: return the failure if they vary more than their rows' variance explains, else None.

    Args:
        chunks: Moments of every chunk so far; fewer than two show nothing.
    """
    if len(chunks) < 2:
        return None
    largest, limit = float(dispersion(chunks).max()), largest_dispersion(len(chunks))
    if largest <= limit:
        return None
    note = (
        f"the means of {len(chunks)} chunks vary {largest:.3g} times as much as those of independent rows "
        f"(limit {limit:.3g}): rows of a call share noise"
    )
    return Conformance("failed", "dependent rows", note)


def _trimmed_sum(products: Array) -> float:
    """Return the sum of ``[n]`` products without the five largest in absolute value."""
    few = np.argpartition(np.abs(products), -min(CHANCE_MEETINGS, len(products)))[-CHANCE_MEETINGS:]
    return float(np.delete(products, few).sum())
