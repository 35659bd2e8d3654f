"""The exact interval of a probability, and the largest count that is no surprise."""

from __future__ import annotations

import pytest
from scipy import stats

from gradverify.verification.statistics.binomial import exact_interval, largest_count


@pytest.mark.parametrize("count", [0, 1, 7, 49, 50])
def test_the_interval_is_that_of_scipy(count: int) -> None:
    expected = stats.binomtest(count, 50).proportion_ci(method="exact")
    assert exact_interval(count, 50) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("alpha", [0.05, 1e-6])
def test_one_count_less_would_be_exceeded_too_often(alpha: float) -> None:
    largest = largest_count(500, 0.02, alpha)
    assert stats.binom.sf(largest, 500, 0.02) <= alpha < stats.binom.sf(largest - 1, 500, 0.02)
