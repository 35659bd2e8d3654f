"""Tests of one number against another: their levels where sampling was stopped by what was seen, and their edges."""

from __future__ import annotations

from dataclasses import replace
from math import exp, inf, log, sqrt

import numpy as np
import pytest

from gradverify.verification.comparison.differences import (
    bias_difference,
    exponent_difference,
    log_variance_error,
    time_difference,
    variance_difference,
)
from gradverify.verification.record import Cell, Check

from .simulated_records import LAWS, family, simulated


def check(cell: Cell, name: str) -> Check:
    found = cell.find(name)
    assert found is not None
    return found


def test_equal_biases_that_stopped_when_seen_are_not_told_apart() -> None:
    """200 pairs with a bias of half the tolerance, at .05: more than 19 wrong have probability 3e-3."""
    cells = [simulated("mine", LAWS["exponential"], seed, bias=0.35) for seed in range(400)]
    pairs = zip(cells[::2], cells[1::2], strict=True)
    found = [bias_difference(check(one, "bias"), check(two, "bias"), margin=0.0) for one, two in pairs]
    assert sum(each is not None and each.p_value < 0.05 for each in found) <= 19


def test_the_price_of_stopping_is_paid() -> None:
    """At n = m = 1000 a side the formula by hand: 2 ln E = d^2 / (2 * 2 / 1000) - 2 ln 2."""
    entry = {"name": "coordinate 0", "kind": "coordinate", "sigma": 1.0, "scale": 1.0, "open": True}
    one, two = (
        Check(check="bias", outcome="biased", details={"looks": [{"n": 1000}], "channels": [{**entry, "estimate": mean}]})
        for mean in (0.0, 0.3)
    )
    found = bias_difference(one, two, margin=0.1)
    assert found is not None
    assert found.p_value == pytest.approx(exp(-(0.2**2 / 0.004 - 2 * log(2)) / 2))
    assert (found.worse, found.method) == (True, "anytime")


def test_coordinates_share_the_level() -> None:
    several = [
        {"name": f"coordinate {k}", "kind": "coordinate", "sigma": 1.0, "scale": 1.0, "open": True, "estimate": 0.0}
        for k in range(4)
    ]
    one = Check(check="bias", outcome="unbiased", details={"looks": [{"n": 1000}], "channels": several})
    moved = [{**each, "estimate": 0.3 if each["name"] == "coordinate 2" else 0.0} for each in several]
    two = replace(one, details={"looks": [{"n": 1000}], "channels": moved})
    alone = replace(one, details={"looks": [{"n": 1000}], "channels": moved[2:3]})
    whole, single = bias_difference(one, two, margin=0.0), bias_difference(one, alone, margin=0.0)
    assert whole is not None
    assert single is not None
    assert whole.p_value == pytest.approx(4 * single.p_value)


@pytest.mark.parametrize("wrong", [{"open": False}, {"kind": "projection"}, {"estimate": inf}])
def test_a_mean_that_cannot_be_believed_is_not_compared(wrong: dict[str, object]) -> None:
    entry = {"name": "coordinate 0", "kind": "coordinate", "sigma": 1.0, "scale": 1.0, "open": True, "estimate": 0.0, **wrong}
    one = Check(check="bias", outcome="inconclusive", details={"looks": [{"n": 500}], "channels": [entry]})
    assert bias_difference(one, one, margin=0.0) is None
    assert bias_difference(Check(check="bias", outcome="no-gradient"), one, margin=0.0) is None


def test_rounding_is_no_difference() -> None:
    entry = {"name": "coordinate 0", "kind": "coordinate", "sigma": 0.0, "scale": 2.0, "open": False}
    one, near, far = (
        Check(check="bias", outcome="biased", details={"looks": [{"n": 2}], "channels": [{**entry, "estimate": mean}]})
        for mean in (0.0, 1e-9, 1e-5)
    )
    for other, p_value, single in ((near, 1.0, False), (far, 0.0, False), (far, 1.0, True)):
        found = bias_difference(one, other, margin=0.0, single=single)
        assert found is not None
        assert found.p_value == p_value


def test_exact_records_are_compared_without_error() -> None:
    def exact(relative: float, variance: float) -> tuple[Check, Check]:
        bias = Check(check="bias", outcome="biased", estimate=7 * relative, relative=relative, details={"reason": "exact"})
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
