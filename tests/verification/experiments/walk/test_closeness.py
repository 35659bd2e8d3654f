"""Closeness: an interval decides only if it lies on one side."""

from __future__ import annotations

from gradverify.verification.experiments.spread import Spread
from gradverify.verification.experiments.walk.closeness import CLOSE, all_close, all_far

NEAR, FAR = (Spread(mean=mean, low=mean - 0.1, high=mean + 0.1) for mean in (CLOSE / 2, 2 * CLOSE))
ACROSS = Spread(mean=CLOSE, low=CLOSE - 0.1, high=CLOSE + 0.1)


def test_one_distance_across_the_limit_decides_nothing() -> None:
    assert (all_close([NEAR, NEAR]), all_far([FAR, FAR])) == (True, True)
    assert (all_close([NEAR, ACROSS]), all_far([FAR, ACROSS])) == (False, False)
    assert (all_close([NEAR, FAR]), all_far([NEAR, FAR])) == (False, False)
