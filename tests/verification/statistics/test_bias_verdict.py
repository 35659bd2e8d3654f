"""The verdict on a cell: plain numbers that follow from the looks."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from gradverify.verification.statistics.bias_look import look
from gradverify.verification.statistics.bias_verdict import describe, reach, rows_to_accept
from gradverify.verification.statistics.moments import Moments

from .simulated_cells import a_plan, decide, normal


@pytest.mark.parametrize("bias", [0.0, 0.5])
def test_a_verdict_is_plain_numbers(bias: float) -> None:
    verdict = decide(a_plan(3), normal(0, 3, bias=bias))
    record = json.loads(json.dumps(asdict(verdict)))
    assert record["looks"][-1]["interval"] == list(verdict.interval or ())
    assert [channel["name"] for channel in record["channels"]][:4] == [f"coordinate {j}" for j in range(3)] + ["gain"]


def test_the_tolerance_that_is_reached_is_the_far_limit_over_the_scale() -> None:
    plan = a_plan(2, scale=[1.0, 4.0], truth=[1.0, 4.0], reference_bias=0.02)
    rows = np.random.default_rng(3).normal([0.0, 0.1], 1.0, size=(4000, 2))
    moments = Moments.from_rows(plan.channels.project(rows))
    seen = look(plan, moments, stage="screen", start=np.zeros(len(plan.channel_names), dtype=np.int64))
    far = np.maximum(-seen.accept[0], seen.accept[1])[:2]
    np.testing.assert_allclose(reach(plan, seen), (far + 0.02 - 1e-13) / [1.0, 4.0], rtol=1e-12)
    fields = describe(plan, [seen], 1, outcome="unbiased")
    assert fields["r"] == reach(plan, seen).max()
    assert fields["relative"] == fields["estimate"] / 4


def test_rows_that_would_accept_are_unknown_while_a_channel_is_closed() -> None:
    plan = a_plan()
    one_far = np.zeros((2000, 1))
    one_far[0] = 1000.0
    for rows, known in ((one_far, False), (np.random.default_rng(4).normal(size=(2000, 1)), True)):
        seen = look(plan, Moments.from_rows(rows), stage="screen", start=np.zeros(1, dtype=np.int64))
        assert (rows_to_accept(plan, seen) is not None) is known
    constant = look(plan, Moments.from_rows(np.zeros((2000, 1))), stage="screen", start=np.zeros(1, dtype=np.int64))
    assert rows_to_accept(plan, constant) == plan.rows_if_constant
