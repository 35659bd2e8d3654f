"""The exact interval of a probability, against SciPy's root finder."""

from __future__ import annotations

import pytest
from scipy import stats

from gradverify.verification.statistics.proportion import clopper_pearson


@pytest.mark.parametrize("count", [0, 1, 7, 49, 50])
def test_the_interval_is_that_of_scipy(count: int) -> None:
    expected = stats.binomtest(count, 50).proportion_ci(method="exact")
    assert clopper_pearson(count, 50) == pytest.approx((expected.low, expected.high), abs=1e-9)
