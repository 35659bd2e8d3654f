"""A bias over its scale: which figure of the record gives the scale."""

from __future__ import annotations

import math

import pytest

from gradverify.verification.record.record import Cell, Check
from gradverify.verification.report.relative import relative_bias

WATCHED = {"channel": "b", "channels": [{"name": "a", "scale": 1.0}, {"name": "b", "scale": 4.0}]}


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Check(check="bias", outcome="biased", estimate=2.0, interval=(1.0, 3.0), relative=0.5), (0.5, 0.25, 0.75)),
        (Check(check="bias", outcome="biased", estimate=-2.0, interval=(-3.0, -1.0), relative=-0.5), (-0.5, -0.75, -0.25)),
        (Check(check="bias", outcome="unbiased", estimate=0.0, interval=(-1.0, 1.0), relative=0.0), (0.0, -0.1, 0.1)),
        (Check(check="bias", outcome="unbiased", estimate=0.0, interval=(-1.0, 1.0), details=WATCHED), (0.0, -0.25, 0.25)),
        (Check(check="bias", outcome="unbiased", estimate=0.0, interval=(0.0, 0.0)), (0.0, 0.0, 0.0)),
        (Check(check="bias", outcome="unbiased", estimate=1.0, details={"scale": -1.0}), (0.1, 0.1, 0.1)),
        (Check(check="bias", outcome="failed", estimate=math.nan, interval=(0.0, 1.0)), None),
        (
            Check(check="bias", outcome="biased", estimate=2.0, relative=0.5, details={"relative_interval": [0.1, 0.9]}),
            (0.5, 0.1, 0.9),
        ),
    ],
)
def test_relative_bias(check: Check, expected: tuple[float, float, float] | None) -> None:
    cell = Cell(estimator="one", problem="toy", status="ok", checks=(check,), facts={"scale": 10.0})
    assert relative_bias(cell, check) == (pytest.approx(expected, abs=1e-15) if expected else None)
