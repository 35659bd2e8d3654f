"""The test of a bias against another record's: its level where sampling was stopped by what was seen, and its edges."""

from __future__ import annotations

from dataclasses import replace
from math import exp, inf, log, sqrt

import pytest

from gradverify.verification.comparison.bias_change import bias_difference
from gradverify.verification.record.record import Cell, Check

from .simulated_records import LAWS, simulated

__all__ = ["check"]


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


UNSETTLED = {"open": False, "sigma": 0.0, "interval": (-inf, inf)}


@pytest.mark.parametrize("wrong", [{"open": False}, {"kind": "projection"}, {"estimate": inf}, UNSETTLED])
def test_a_mean_that_cannot_be_believed_is_not_compared(wrong: dict[str, object]) -> None:
    entry = {"name": "coordinate 0", "kind": "coordinate", "sigma": 1.0, "scale": 1.0, "open": True, "estimate": 0.0, **wrong}
    one = Check(check="bias", outcome="inconclusive", details={"looks": [{"n": 500}], "channels": [entry]})
    assert bias_difference(one, one, margin=0.0) is None
    assert bias_difference(Check(check="bias", outcome="no-gradient"), one, margin=0.0) is None


def test_rounding_is_no_difference() -> None:
    one, near, far = (settled(mean, rows=2) for mean in (0.0, 1e-9, 1e-5))
    for other, p_value, single in ((near, 1.0, False), (far, 0.0, False), (far, 1.0, True)):
        found = bias_difference(one, other, margin=0.0, single=single)
        assert found is not None
        assert found.p_value == p_value


def settled(mean: float, rows: int) -> Check:
    """A bias check of rows that were all alike, and called deterministic."""
    entry = {"name": "coordinate 0", "kind": "coordinate", "sigma": 0.0, "scale": 2.0, "open": False, "estimate": mean}
    return Check(
        check="bias", outcome="biased", details={"looks": [{"n": rows}], "channels": [{**entry, "interval": (mean, mean)}]}
    )


def test_rows_that_were_alike_may_have_missed_what_other_rows_met() -> None:
    """An event of 3e-4 that 12,000 rows all miss: as likely as .03, so that no smaller p-value may be said.

    Rows that were declared alike are two, and have missed nothing: the other mean's error is all there is.
    """
    q, jump = 3e-4, 100.0
    entry = {"name": "coordinate 0", "kind": "coordinate", "sigma": jump * sqrt(q), "scale": 2.0, "open": True}
    met = Check(check="bias", outcome="unbiased", details={"looks": [{"n": 300_000}], "channels": [{**entry, "estimate": 0.0}]})
    missed, declared = (bias_difference(settled(-q * jump, rows), met, margin=0.0) for rows in (12_000, 2))
    assert missed is not None
    assert declared is not None
    assert missed.p_value >= exp(-12_000 * q)
    assert declared.error == pytest.approx(jump * sqrt(q) / 2 * sqrt(301_000) / 300_000)
