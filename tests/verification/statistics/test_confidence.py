"""The confidence sequence: its formulas against independent numerics, its error rates by simulation."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, optimize, stats

from gradverify.verification.statistics.confidence import (
    boundary,
    detectable,
    hall_inverse,
    interval,
    looks,
    rows_needed,
)


def hall(t: ArrayLike, skewness: ArrayLike, count: ArrayLike) -> NDArray[np.float64]:
    """Hall's cubic transform, of which the module computes the inverse alone."""
    t = np.asarray(t, dtype=np.float64)
    k = np.asarray(skewness) / np.sqrt(count)
    return np.asarray(t + k * t**2 / 3 + k**2 * t**3 / 27 + k / 6)


@pytest.mark.parametrize(("alpha", "square"), [(0.05, 7.815), (0.01, 11.345), (0.001, 16.266)])
def test_boundary_constants(alpha: float, square: float) -> None:
    assert float(boundary(500, 500, alpha)) ** 2 == pytest.approx(square, abs=5e-4)
    assert float(boundary(2000, 500, alpha)) ** 2 == pytest.approx(square + math.log(4), abs=5e-4)


def test_boundary_is_the_mixture_bound_of_robbins_and_siegmund() -> None:
    """P(crossing) = P(|Z| > a) + the density there times what a flat mixture gives: 2 (1 - Phi(a)) + 2 a phi(a)."""
    a = float(boundary(1, 1, 0.01))
    upper, _ = integrate.quad(lambda x: x * x * stats.norm.pdf(x) * 2, a, math.inf)
    assert upper == pytest.approx(0.01, rel=1e-8)
    assert 2 * stats.norm.sf(a) + 2 * a * stats.norm.pdf(a) == pytest.approx(0.01, rel=1e-8)


@pytest.mark.parametrize("skewness", [-30.0, -1.0, -1e-5, 0.0, 1e-9, 0.3, 8.0])
def test_hall_inverse_against_a_root_finder(skewness: float) -> None:
    for y in (-5.0, -1.0, 0.0, 0.7, 5.0):
        root = optimize.brentq(lambda t, y=y: float(hall(t, skewness, 1000)) - y, -200, 200, xtol=1e-13, rtol=1e-14)
        # At the cubic's inflexion its slope vanishes and a root is known to the cube root of rounding only.
        assert float(hall_inverse(y, skewness, 1000)) == pytest.approx(root, abs=1e-6)


def test_hall_inverse_is_continuous_where_the_skewness_vanishes() -> None:
    y = np.linspace(-6, 6, 41)
    for skewness in (1e-14, 1e-11, 1e-9, 1e-7):
        assert np.abs(hall_inverse(y, skewness, 1000) - y).max() < 10 * skewness


def test_interval_holds_the_means_that_the_transform_does_not_reject() -> None:
    mean, std, skewness, count = 0.3, 2.0, 1.5, 4000
    lower, upper = interval(mean, std, skewness, count, 1000, 0.01)
    for mu, sign in ((float(lower), 1), (float(upper), -1)):
        t = math.sqrt(count) * (mean - mu) / std
        assert float(hall(t, skewness, count)) == pytest.approx(sign * float(boundary(count, 1000, 0.01)))


def test_detectable_bias_is_excluded_nine_times_in_ten() -> None:
    """Normal rows, at the last look alone: 2,000 runs, within 4 standard errors (two-sided false-fail rate 6e-5)."""
    std, count = 3.0, 5000
    bias = float(detectable(std, count, 1000, 0.01))
    means = np.random.default_rng(1).normal(bias, std / math.sqrt(count), size=2000)
    lower, _ = interval(means, std, 0.0, count, 1000, 0.01)
    assert abs((lower > 0).mean() - 0.9) < 4 * math.sqrt(0.09 / 2000)


def test_rows_needed_solves_its_equation() -> None:
    promised = rows_needed(5.0, 0.05, 0.05)
    count = promised / 1.25
    solved = ((float(boundary(count, 1000, 0.05)) + stats.norm.isf(0.05)) * 5.0 / 0.05) ** 2
    assert count == pytest.approx(solved, rel=1e-5)
    assert rows_needed(1e-3, 1.0, 0.05) == 1250
    with pytest.raises(ValueError, match="positive"):
        rows_needed(1.0, 0.0, 0.05)
    with pytest.raises(ValueError, match="finite"):
        rows_needed(math.inf, 1.0, 0.05)


@pytest.mark.parametrize(("max_rows", "number"), [(300_000, 27), (3_000_000, 37), (30_000_000, 48)])
def test_looks_grow_geometrically_to_the_last(max_rows: int, number: int) -> None:
    planned = looks(max_rows=max_rows)
    assert planned[0] == 1000
    assert planned[-1] == max_rows
    assert abs(len(planned) - number) <= 1
    assert all(a < b <= math.ceil(1.25 * a) + 1 for a, b in pairwise(planned))
    assert looks(max_rows=10) == [10]
    with pytest.raises(ValueError, match="ratio"):
        looks(1000, 1.0, max_rows=10)


def crossing_rate(*, start: int, skewed: bool, fixed: bool, runs: int = 400, last: int = 20_000) -> float:
    """How often a true mean is ever left out, watched at every row from ``start`` on, at nominal .05."""
    generator = np.random.default_rng(2)
    n = np.arange(start, last + 1)
    crossed = 0
    for _ in range(runs):
        y = generator.lognormal(size=last) - math.exp(0.5) if skewed else generator.normal(size=last)
        m1, m2, m3 = (np.cumsum(y**k)[start - 1 :] / n for k in (1, 2, 3))
        s2 = m2 - m1**2
        gamma = (m3 - 3 * m1 * m2 + 2 * m1**3) / s2**1.5
        t = np.sqrt(n / s2) * m1
        if fixed:
            statistic, critical = np.abs(t), np.full(n.size, stats.norm.isf(0.025))
        else:
            statistic, critical = np.abs(hall(t, gamma, n)), boundary(n, start, 0.05)
        crossed += bool((statistic > critical).any())
    return crossed / runs


@pytest.mark.parametrize("skewed", [False, True])
def test_watching_every_row_is_allowed(skewed: bool) -> None:
    """More than 34 of 400 runs cross with probability .001 at a true rate of .05, and .017 at the lognormal's .06."""
    assert crossing_rate(start=1000, skewed=skewed, fixed=False) <= 34 / 400


def test_a_fixed_sample_test_does_not_survive_peeking() -> None:
    """The planted bug: a z-test at every look from 100 rows on crosses in more than half of the runs."""
    assert crossing_rate(start=100, skewed=False, fixed=True, runs=100) > 0.4
