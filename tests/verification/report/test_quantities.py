"""Quantities as text: digits, units, and values that are missing or not finite."""

from __future__ import annotations

import math

import pytest

from gradverify.verification.report.quantities import clip, duration, finite, number, percent, positive, shorten, size, values


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (True, "yes"), (math.nan, "NaN"), (-math.inf, "-inf"), (1e-9, "1e-09"), (123456.0, "123000"), (1e7, "1e+07"),
     (2**40, "1.1e+12"), ("text", "text"), ({"time_step": 0.5}, "time step 0.5"), ([1, 2.5], "1, 2.5")],
)  # fmt: skip
def test_numbers(value: object, text: str) -> None:
    assert number(value) == text


def test_units() -> None:
    assert [duration(each) for each in (0.5, 119.0, 120.0, 7200)] == ["500 ms", "119 s", "2 min", "2 h 0 min"]
    assert [size(each) for each in (1023, 1024, 3 * 2**30)] == ["1023 bytes", "1 KiB", "3 GiB"]
    assert (percent(0.05), percent(math.inf), percent(None)) == ("5 %", "inf", "–")


def test_what_can_be_drawn() -> None:
    assert [finite(each) for each in (1, 0.5, True, math.nan, math.inf, None, "1")] == [True, True, *[False] * 5]
    assert [positive(each) for each in (1, 0, -1.0)] == [True, False, False]


def test_long_texts() -> None:
    assert clip("a\nb" * 10, 5) == "a ba…"
    assert shorten("estimator_variant_2", 11) == "estim…ant_2"
    assert values(range(9), most=2) == "0, 1, ... (9)"
