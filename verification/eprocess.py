"""Tests of a mean that are exact for every tail, for laws of which something is known.

An e-process starts at one and is expected to stay at or below one while the hypothesis holds; by Ville's inequality it ever
reaches :math:`1 / \\alpha` with probability at most :math:`\\alpha`. So every look is free, and neither skewness nor rare
outcomes need a gate.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["bounded_support_eprocess", "bounded_support_evidence", "known_variance_eprocess"]

Array = NDArray[np.float64]

BETS = 12  # on either side of zero
SMALLEST_BET = 1e-3  # of the largest; smaller ones gain nothing at the row counts in question


def known_variance_eprocess(
    count: int, mean: ArrayLike, m2: ArrayLike, *, variance: ArrayLike, alpha: float, planned_rows: int
) -> Array:
    r"""Log evidence against a zero mean where the variance, or a bound on it, is known.

    .. math:: V = \tfrac13 \Big( \sum_i y_i^2 + 2 n \sigma^2 \Big), \qquad
              E_n = (1 + \rho^2 V)^{-1/2} \exp \frac{\rho^2 S^2}{2 (1 + \rho^2 V)}

    Exact at every sample size for independent rows with mean zero and variance at most :math:`\sigma^2`.

    Args:
        count: Rows n.
        mean: Sample means of the error y ``[c]``.
        m2: Central sums of squares ``[c]``.
        variance: Known variance of one row ``[c]``, from enumeration or recursion.
        alpha: Error rate for which the test is tuned; it stays valid at any other.
        planned_rows: Rows at which it is most powerful.

    Returns:
        :math:`\ln E_n` ``[c]``; reject where it reaches ``ln(1 / alpha)``.

    References:
        Delyon (2009), Exponential inequalities for sums of weakly dependent variables. Howard, Ramdas, McAuliffe, Sekhon
        (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences.
    """
    mean, sigma2 = np.asarray(mean, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    if not (sigma2 > 0).all():
        raise ValueError(f"the known variance must be positive; got {sigma2}: compare constants directly")
    total = count * mean
    clock = (np.asarray(m2) + count * mean**2 + 2 * count * sigma2) / 3
    # The mixture's variance that makes the boundary lowest at the planned number of rows.
    branch = float(np.real(special.lambertw(-(alpha**2) / math.e, -1)))
    rho2 = (-branch - 1) / (planned_rows * sigma2)
    spread = 1 + rho2 * clock
    return np.asarray(rho2 * total**2 / (2 * spread) - 0.5 * np.log(spread))


def bounded_support_eprocess(rows: ArrayLike, *, lower: ArrayLike, upper: ArrayLike, truth: ArrayLike) -> Array:
    r"""Log wealth of 24 bets against the mean being ``truth``, for rows that lie in a known interval.

    .. math:: \ln W_j = \sum_i \ln (1 + \lambda_j (x_i - \mu)), \qquad
              \lambda_j \in \Big( \frac{-1}{U - \mu}, \frac{1}{\mu - L} \Big)

    Tables of successive chunks add up.

    Args:
        rows: ``[n, c]``.
        lower: Least possible value L, scalar or ``[c]``.
        upper: Greatest possible value U.
        truth: Claimed mean, inside the interval.

    Returns:
        Log wealths ``[24, c]``.

    Raises:
        ValueError: If ``truth`` is not inside the interval, or a row is outside: that alone refutes the claim.

    References:
        Waudby-Smith, Ramdas (2024), Estimating means of bounded random variables by betting.
    """
    x, mu = np.asarray(rows, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    if not ((low < mu) & (mu < high)).all():
        raise ValueError(f"the claimed mean {mu} must lie inside the support [{low}, {high}]")
    if not ((low <= x) & (x <= high)).all():
        raise ValueError(f"a row lies outside the support [{low}, {high}], which is itself a bug")
    fractions = np.geomspace(SMALLEST_BET, 0.99, BETS)[:, None]
    bets = np.concatenate([fractions / (mu - low), -fractions / (high - mu)])
    bets = np.broadcast_to(bets, (2 * BETS, x.shape[1]))
    return np.stack([np.log1p(bet * (x - mu)).sum(axis=0) for bet in bets])


def bounded_support_evidence(wealth: Array) -> Array:
    """Log evidence ``[c]`` of the average bet; reject where it reaches ``ln(1 / alpha)``."""
    return np.asarray(special.logsumexp(wealth, axis=0) - math.log(len(wealth)))
