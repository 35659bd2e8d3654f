"""A bias over the gradient, as a number that can be drawn: signed for one parameter, a norm for several."""

from __future__ import annotations

import math

import pytest

from gradverify.verification.record.record import Cell, Check
from gradverify.verification.report.relative import relative_bias

WATCHED = {"channel": "b", "channels": [{"name": "a", "scale": 1.0}, {"name": "b", "scale": 4.0}]}
ERROR = {"estimate": 0.25, "interval": (0.2, 0.3)}
SCALE = {"estimate": 0.75, "interval": (0.7, 0.8)}


def a_bias(estimate: float, interval: tuple[float, float] | None = None, **details: object) -> Check:
    return Check(check="bias", outcome="biased", estimate=estimate, interval=interval, details=details)


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (a_bias(2.0, relative_error=ERROR, scale=SCALE), (-0.25, -0.3, -0.2)),
        (a_bias(2.0, relative_error=ERROR, scale=SCALE, angle={"estimate": 0.0, "interval": (0.0, 1.0)}), (0.25, 0.2, 0.3)),
        (a_bias(2.0, relative_error=ERROR), (0.25, 0.2, 0.3)),
        (a_bias(2.0, relative_error={"estimate": 0.25, "interval": (0.2, math.inf)}), None),
    ],
)
def test_relative_error(check: Check, expected: tuple[float, float, float] | None) -> None:
    cell = Cell(estimator="one", problem="toy", status="ok", checks=(check,), facts={"dimension": 1})
    assert relative_bias(cell, check) == (pytest.approx(expected, abs=1e-15) if expected else None)


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (a_bias(2.0, (1.0, 3.0), channel_relative=0.5), (0.5, 0.25, 0.75)),
        (a_bias(-2.0, (-3.0, -1.0), channel_relative=-0.5), (-0.5, -0.75, -0.25)),
        (a_bias(0.0, (-1.0, 1.0), channel_relative=0.0), (0.0, -0.1, 0.1)),
        (a_bias(0.0, (-1.0, 1.0), **WATCHED), (0.0, -0.25, 0.25)),
        (a_bias(0.0, (0.0, 0.0)), (0.0, 0.0, 0.0)),
        (a_bias(1.0, channel_scale=-1.0), (0.1, 0.1, 0.1)),
        (a_bias(math.nan, (0.0, 1.0)), None),
    ],
)
def test_a_former_record_gives_the_channel_over_its_scale(check: Check, expected: tuple[float, float, float] | None) -> None:
    cell = Cell(estimator="one", problem="toy", status="ok", checks=(check,), facts={"scale": 10.0})
    assert relative_bias(cell, check) == (pytest.approx(expected, abs=1e-15) if expected else None)
