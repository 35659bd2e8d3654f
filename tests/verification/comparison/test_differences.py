"""Tests of one number against another: their levels where sampling was stopped by what was seen, and their edges."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log, sqrt

import numpy as np
import pytest

from gradverify.verification.comparison.bias_change import bias_difference
from gradverify.verification.comparison.differences import (
    exponent_difference,
    log_variance_error,
    time_difference,
    variance_difference,
)
from gradverify.verification.record.record import Check
from gradverify.verification.statistics.moments import Moments

from .simulated_records import LAWS, family, simulated
from .test_bias_change import check


def rare(generator: np.random.Generator, rows: int, chance: float) -> Check:
    """The variance check of rows that are zero but for a symmetric rare event."""
    drawn = np.where(generator.random(rows) < chance, generator.choice([-1.0, 1.0], size=rows), 0.0)
    seen = Moments.from_rows(drawn[:, None])
    kurtosis = float(seen.kurtosis[0]) if seen.m2[0] > 0 else 1.0
    return Check(
        check="variance", outcome="measured", estimate=float(seen.variance[0]), num_samples=rows, details={"kurtosis": kurtosis}
    )


def test_constant_rows_that_missed_an_event_keep_the_level() -> None:
    """Of 400 nulls, 5,000 rows against 20,000 of an event of 3e-4, at .05: more than 37 are wrong with probability 1e-4.

    About 89 samples of 5,000 are constant; told from the others without counting, nearly all of those are wrong.
    """
    generator = np.random.default_rng(0)
    pairs = [(rare(generator, 5_000, 3e-4), rare(generator, 20_000, 3e-4)) for _ in range(400)]
    still = [pair for pair in pairs if min(each.estimate or 0.0 for each in pair) == 0]
    assert len(still) > 50
    for first in (0, 1):
        found = [variance_difference(pair[first], pair[1 - first], margin=0.05, paired=False) for pair in still]
        assert sum(each is not None and each.p_value < 0.05 for each in found) <= 37


def test_constant_rows_are_told_from_rows_that_vary_often() -> None:
    """Twenty of as many rows differ, by the kurtosis: they all fall to one side with probability 2 * 2^-20."""
    still, moving = (
        Check(check="variance", outcome="measured", estimate=each, num_samples=2_000, details={"kurtosis": 97.0})
        for each in (0.0, 3.0)
    )
    found = variance_difference(still, moving, margin=0.05, paired=True)
    assert found is not None
    assert (found.p_value, found.worse, found.method) == (pytest.approx(2 * 2.0**-20), True, "exact")
    known = variance_difference(replace(still, outcome="exact"), moving, margin=0.05, paired=False)
    assert known is not None
    assert known.p_value == 0
    assert variance_difference(still, replace(moving, outcome="exact"), margin=0.05, paired=False) is None


def test_exact_records_are_compared_without_error() -> None:
    def exact(relative: float, variance: float) -> tuple[Check, Check]:
        error = {"estimate": relative, "interval": (relative, relative)}
        details = {"reason": "exact", "relative_error": error}
        bias = Check(check="bias", outcome="biased", estimate=7 * relative, details=details)
        return bias, Check(check="variance", outcome="exact", estimate=variance)

    one, two = exact(0.1, 2.0), exact(0.35, 2.2)
    bias, variance = bias_difference(one[0], two[0], margin=0.1), variance_difference(one[1], two[1], margin=0.05, paired=True)
    assert bias is not None
    assert variance is not None
    assert (bias.p_value, bias.worse, variance.p_value, variance.worse) == (0.0, True, 0.0, True)
    equal = variance_difference(one[1], one[1], margin=0.0, paired=False)
    assert equal is not None
    assert equal.p_value == 1.0


def test_the_error_of_a_log_variance_is_that_of_the_run() -> None:
    variance = check(simulated("mine", LAWS["lognormal"], 0), "variance")
    assert variance.interval is not None
    half_width = (log(variance.interval[1]) - log(variance.interval[0])) / 2
    assert log_variance_error(variance) == pytest.approx(half_width / 1.959964, rel=1e-6)
    assert log_variance_error(Check(check="variance", outcome="measured")) == inf


def test_an_exponents_margin_is_the_variances_over_the_sizes() -> None:
    """A factor of 1.5 over sizes 10 to 100 is a slope of .176."""
    found = exponent_difference(family(1.0, 0.01), family(1.2, 0.01), margin=0.5)
    assert found is not None
    z = (0.2 - log(1.5) / log(10)) / (0.01 * sqrt(2))
    assert found.p_value == pytest.approx(2 * 0.0451, rel=0.02)
    assert z == pytest.approx(1.69, abs=0.01)
    assert exponent_difference(family(1.0, 0.01), replace(family(1.2, 0.01), exponent=None, interval=None), margin=0.5) is None


def test_a_sign_test_of_times_keeps_its_level() -> None:
    """500 nulls of 20 heavy-tailed times at .05: the exact rate is .041 at most; more than 37 have probability 2e-4."""
    times = np.random.default_rng(0).lognormal(sigma=1.0, size=(2, 500, 20))
    found = [time_difference(list(a), list(b), margin=0.0) for a, b in zip(*times, strict=True)]
    assert sum(each is not None and each.p_value < 0.05 for each in found) <= 37
    assert time_difference([], [], margin=0.0) is None
