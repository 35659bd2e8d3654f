"""Exponents: recovered with honest intervals, from the tail where the range misleads, and never from an exponential."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from gradverify.verification.statistics.scaling import compare_growth, fit_exponent, local_exponents, range_fits

SIZES = np.array([10.0, 20, 50, 100, 200, 500])


def test_interval_covers_the_exponent() -> None:
    """400 fits at 95 %: fewer than 365 hold the slope with probability 6e-4."""
    generator = np.random.default_rng(0)
    errors = np.full(6, 0.05)
    held = 0
    for _ in range(400):
        fit = fit_exponent(SIZES, SIZES**1.5 * np.exp(generator.normal(0, errors)), errors)
        held += fit.interval[0] <= 1.5 <= fit.interval[1]
    assert held >= 365


def test_weights_follow_the_errors() -> None:
    variances = SIZES**2
    variances[0] *= math.e
    loose = fit_exponent(SIZES, variances, [10.0, 0.01, 0.01, 0.01, 0.01, 0.01])
    assert loose.slope == pytest.approx(2.0, abs=1e-4)
    assert not loose.misfit


def test_lack_of_fit_is_flagged_and_widens_the_interval() -> None:
    """V = n + n^2 / 20 bends from exponent 1 to 2; the planted bug, an interval without inflation, is far too narrow."""
    fit = fit_exponent(SIZES, SIZES + SIZES**2 / 20, np.full(6, 0.01))
    assert fit.misfit
    assert fit.p_value < 0.01
    width = fit.interval[1] - fit.interval[0]
    assert width > 3 * 2 * 1.96 * 0.01 / (np.log(SIZES).std() * math.sqrt(6))
    assert fit.tail_slope > fit.slope
    assert fit.tail_from == 100


def test_published_exact_variances_of_the_walk() -> None:
    """Exact variances of the pruned triple and the score function: tail exponents 2 and 3."""
    triple = fit_exponent(SIZES, [3.32, 10.2, 54.6, 208, 815, 5029])
    score = fit_exponent(SIZES, [52.2, 256, 2634, 17720, 1.29e5, 1.89e6])
    assert triple.tail_slope == pytest.approx(1.98, abs=0.02)
    assert score.tail_slope == pytest.approx(2.9, abs=0.05)
    assert math.isnan(score.p_value)


def test_growth_polynomial_exponential_or_undecided() -> None:
    tight, loose = np.full(6, 0.01), np.full(6, 2.0)
    assert fit_exponent(SIZES, SIZES**2, tight).growth == "polynomial"
    assert fit_exponent(SIZES, SIZES * np.exp(0.02 * SIZES), tight).growth == "exponential"
    assert fit_exponent(SIZES, SIZES**2, loose).growth == "undecided"
    assert fit_exponent(SIZES[:3], SIZES[:3] ** 2, tight[:3]).growth == "undecided"


def test_two_points_make_a_line_without_a_test() -> None:
    fit = fit_exponent([10, 100], [1.0, 10.0], [0.1, 0.1])
    assert fit.slope == pytest.approx(1.0)
    assert math.isnan(fit.p_value)
    assert fit_exponent([10, 100], [1.0, 10.0]).interval == (-math.inf, math.inf)


def test_range_fits_show_an_exponent_that_moves() -> None:
    """V = n + n^2 / 20: the smaller the first size left out, the nearer to two."""
    fits = range_fits(SIZES, SIZES + SIZES**2 / 20)
    tails = [each for each in fits if each.end == 500]
    assert [each.start for each in tails] == [10, 20, 50, 100]
    assert all(a.slope < b.slope for a, b in pairwise(tails))
    heads = [each for each in fits if each.end < 500]
    assert [(each.start, each.end) for each in heads] == [(10, 200), (10, 100), (10, 50)]
    assert max(each.slope for each in heads) < min(each.slope for each in tails)


def test_range_fits_of_a_power_stay_put() -> None:
    errors = np.full(6, 0.05)
    for fit in range_fits(SIZES[::-1], SIZES[::-1] ** 1.5, errors):
        assert fit.slope == pytest.approx(1.5, abs=1e-12)
        assert fit.interval[0] < 1.5 < fit.interval[1]


def test_local_exponents() -> None:
    fits = local_exponents([100, 10], [300.0, 3.0])
    assert [(each.start, each.end) for each in fits] == [(10, 100)]
    assert fits[0].slope == pytest.approx(2.0)
    assert fits[0].interval == (fits[0].slope, fits[0].slope)
    low, high = local_exponents([10, 100], [3.0, 300.0], [0.03, 0.04])[0].interval
    assert (high - low) / 2 == pytest.approx(1.959964 * 0.05 / math.log(10), rel=1e-6)


def test_powers_and_exponentials_each_fit_their_own_line() -> None:
    power, exponential = compare_growth(SIZES, SIZES**2), compare_growth(SIZES, np.exp(0.02 * SIZES))
    assert power.power < 1e-12 < 0.5 < power.exponential
    assert exponential.exponential < 1e-12 < 0.5 < exponential.power
    assert exponential.rate == pytest.approx(0.02)
    with pytest.raises(ValueError, match="expected at least three"):
        compare_growth([10, 20], [1.0, 2.0])


@pytest.mark.parametrize(
    ("sizes", "variances", "errors", "message"),
    [
        ([10, 10], [1, 1], None, "expected at least two different ones"),
        ([10, 20], [1, 0], None, "variances"),
        ([10, 20], [1, 2], [0.1, 0.0], "errors"),
        ([10, 20], [1, 2, 3], None, "one length"),
        ([-1, 20], [1, 2], None, "sizes"),
    ],
)
def test_bad_points_are_rejected_by_name(sizes, variances, errors, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        fit_exponent(sizes, variances, errors)
