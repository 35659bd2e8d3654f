"""Are rows independent of each other? Duplicates and correlation between the rows of a chunk, and between chunks."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["correlation", "digest", "largest_correlation", "stale_seed"]

RATE = 1e-9  # false alarms of the correlation check, per coordinate, distance and chunk
CHANCE_MEETINGS = 5
TELLING_ROWS = 10

Array = NDArray[np.float64]


def correlation(rows: Array) -> tuple[float, ...]:
    """Correlation of every row with the next one, and with the one half a chunk away, the five largest products left out.

    Rows that are mostly zero meet a neighbour that is not by chance alone, a few times a chunk; rows that depend on each other
    do so everywhere.

    Args:
        rows: ``[n, d]``.

    Returns:
        ``2 d`` numbers; zero where a coordinate is constant or overflows.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(1000, 1))
        >>> next_one, half_away = correlation(np.repeat(rows, 2, axis=0))
        >>> next_one > 0.4, abs(half_away) < 0.1
        (True, True)
        >>> next_one, half_away = correlation(np.concatenate([rows, rows]))
        >>> abs(next_one) < 0.1, half_away > 0.4
        (True, True)
    """
    if len(rows) < 2 or not np.isfinite(rows).all():
        return tuple(0.0 for _ in range(2 * rows.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        centred = rows - rows.mean(0)
        total = (centred**2).sum(0)
        # A coordinate whose spread is rounding has no correlation to speak of.
        spread = np.isfinite(total) & (total > 1e-24 * len(rows) * np.maximum(np.abs(rows).max(0), 1e-300) ** 2)
        sums = [_trimmed_sum(centred[lag:] * centred[:-lag]) for lag in (1, len(rows) // 2)]
        trimmed: Array = np.where(spread, sums / np.where(spread, total, 1.0), 0.0).reshape(-1)
        return tuple(float(each) for each in trimmed)


def largest_correlation(rows: int) -> float:
    """What the correlation of independent rows stays below, but for the false alarms of `RATE`."""
    return float(stats.norm.isf(RATE / 2)) / math.sqrt(rows)


def digest(rows: Array) -> bytes:
    """Hash of a chunk's rows, or nothing where fewer than ten differ from the commonest one.

    With ten of 2,048 rows unlike the others, their places alone agree in two chunks with probability 3e-27.
    """
    differing = int((rows != np.median(rows, axis=0)).any(axis=1).sum())
    return hashlib.blake2s(np.ascontiguousarray(rows).tobytes()).digest() if differing >= TELLING_ROWS else b""


def stale_seed(digests: list[bytes]) -> bool:
    """Whether chunks of different seeds hold the same rows; an empty digest is of rows that may be equal by chance."""
    telling = [each for each in digests if each]
    return len(set(telling)) < len(telling)


def _trimmed_sum(products: Array) -> Array:
    few = np.argpartition(-np.abs(products), min(CHANCE_MEETINGS, len(products) - 1), axis=0)[:CHANCE_MEETINGS]
    np.put_along_axis(products, few, 0.0, axis=0)
    return np.asarray(products.sum(0))
