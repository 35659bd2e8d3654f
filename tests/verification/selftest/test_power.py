"""Power: the prediction is the boundary's, and the engine reaches it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from gradverify.verification.selftest.laws import power_laws
from gradverify.verification.selftest.power import POWER_RATE, power_row, predicted_power
from gradverify.verification.statistics import bias_look
from gradverify.verification.statistics.bias import BiasPlan
from gradverify.verification.statistics.confidence import boundary, detectable

NORMAL = power_laws()[0]
PLAN = replace(NORMAL.plan, alpha=POWER_RATE)


def test_the_prediction_rises_from_the_error_rate_to_one() -> None:
    unit = float(detectable(1.0, PLAN.max_rows, PLAN.rows_to_open, PLAN.stage_alpha))
    curve = [predicted_power(PLAN, multiple * unit) for multiple in (0.0, 0.5, 1.0, 2.0)]
    assert curve == sorted(curve)
    assert curve[0] <= POWER_RATE
    assert curve[-1] > 0.9999


def test_the_prediction_is_near_the_last_looks() -> None:
    """One look a stage: the product of two normal tails, .9 each way. 20,000 paths: five standard errors are .011."""
    plan = replace(PLAN, max_rows=1000)
    unit = float(detectable(1.0, 1000, 1000, plan.stage_alpha))
    screen = stats.norm.cdf(unit * 1000**0.5 - boundary(1000, 1000, plan.stage_alpha))
    looks = plan.planned_rows("confirm", flagged_at=1000)
    last = stats.norm.cdf(unit * looks[-1] ** 0.5 - boundary(looks[-1], 1000, plan.stage_alpha))
    assert screen == pytest.approx(0.9, abs=1e-6)
    assert screen * last - 0.011 <= predicted_power(plan, unit) <= screen + 0.011


def test_the_engine_has_the_predicted_power() -> None:
    """100 cells against the prediction: false-fail rate 1e-3; a power of .65 where .90 is predicted is seen with probability
    .99."""
    row = power_row(NORMAL, 1.0, 100, 0)
    assert stats.binomtest(row.detected, row.runs, row.predicted).pvalue > 1e-3
    assert row.interval[0] <= row.rate <= row.interval[1]
    assert (row.closed, row.passed) == (0, True)


def test_an_engine_that_confirms_nothing_breaks_its_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: a second stage that ends at its first look, with a power of about a tenth."""
    monkeypatch.setattr(BiasPlan, "planned_rows", lambda plan, stage, flagged_at=0: [1000] if stage == "confirm" else [8000])
    row = power_row(NORMAL, 1.0, 40, 0)
    assert not row.passed


def test_closed_cells_promise_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bias_look, "MAX_SHARE", 0.0)
    row = power_row(NORMAL, 1.0, 3, 0)
    assert (row.closed, row.detected, row.passed) == (3, 0, True)


def test_without_a_bias_nothing_is_found() -> None:
    assert power_row(NORMAL, 0.0, 20, 0).detected == 0
