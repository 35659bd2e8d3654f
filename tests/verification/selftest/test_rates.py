"""The rule by which a rate fails."""

from __future__ import annotations

import pytest
from scipy import stats

from gradverify.verification.selftest.rates import fail_above


@pytest.mark.parametrize(("rate", "runs", "limit"), [(0.05, 246, 18), (0.01, 1325, 19), (0.001, 13_055, 19)])
def test_the_rule_accuses_seldom_and_sees_a_doubling(rate: float, runs: int, limit: int) -> None:
    assert fail_above(runs, rate) == limit
    assert stats.binom.sf(limit, runs, rate) <= 0.05
    assert stats.binom.sf(limit, runs, 2 * rate) >= 0.9
