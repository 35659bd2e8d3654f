"""The binomial rule and the exact interval."""

from __future__ import annotations

import pytest
from scipy import stats

from gradverify.verification.selftest.rates import exact_interval, fail_above


@pytest.mark.parametrize(("rate", "runs", "limit"), [(0.05, 246, 18), (0.01, 1325, 19), (0.001, 13_055, 19)])
def test_the_rule_accuses_seldom_and_sees_a_doubling(rate: float, runs: int, limit: int) -> None:
    assert fail_above(runs, rate) == limit
    assert stats.binom.sf(limit, runs, rate) <= 0.05
    assert stats.binom.sf(limit, runs, 2 * rate) >= 0.9


@pytest.mark.parametrize("count", [0, 1, 7, 49, 50])
def test_the_interval_is_that_of_scipy(count: int) -> None:
    expected = stats.binomtest(count, 50).proportion_ci(method="exact")
    assert exact_interval(count, 50) == pytest.approx((expected.low, expected.high), abs=1e-9)
