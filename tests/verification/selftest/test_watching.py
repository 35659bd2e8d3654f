"""Streams: the same moments at a look however the rows were drawn, and random numbers by their address."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.verification.selftest.laws import power_laws
from gradverify.verification.selftest.watching import Stream, source_of, watch_to_the_end

LAW = power_laws()[0]


def stream(stage: str, shift: float = 0.0) -> Stream:
    source = source_of(0, "a test", stage)
    return Stream(lambda count: LAW.draw(source, count) + shift, LAW.plan.channels)


def test_looks_in_between_change_no_moments() -> None:
    straight, looked = stream("screen"), stream("screen")
    looked.upto(100)
    assert looked.upto(1000).mean == pytest.approx(straight.upto(1000).mean, rel=1e-12)
    assert looked.upto(100).count == 100


def test_a_look_that_was_passed_is_refused() -> None:
    passed = stream("screen")
    passed.upto(1000)
    with pytest.raises(ValueError, match="500 rows are asked for, but the stream has passed to 1000 rows"):
        passed.upto(500)


def test_an_address_names_its_random_numbers() -> None:
    assert source_of(1, "a").random() == source_of(1, "a").random() != source_of(1, "b").random()


def test_a_large_bias_ends_both_stages() -> None:
    """A bias of one standard deviation is missed with a probability far below 1e-9 at 8,000 rows."""
    test = watch_to_the_end(LAW.plan, stream("screen", 1.0), stream("confirm", 1.0))
    assert test.verdict is not None
    assert (test.stage, test.verdict.outcome) == ("confirm", "biased")
    assert np.isfinite(test.looks[-1].open).all()
