"""Null calibration: sound engines pass, and broken ones do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gradverify.verification.selftest.false_alarms import count_alarms, null_rows, refusal_row
from gradverify.verification.selftest.laws import Law, null_laws, refused_laws
from gradverify.verification.statistics import bias_look, confidence

SIMULATED = [each for each in null_laws() if each.name in ("normal", "three values")]


def the(laws: list[Law], name: str) -> Law:
    return next(each for each in laws if each.name.startswith(name))


def test_blocks_of_runs_add_up() -> None:
    law = SIMULATED[0]
    whole = null_rows(count_alarms(law, (0.05, 0.01), range(12), 0))
    parts = null_rows([*count_alarms(law, (0.05, 0.01), range(5), 0), *count_alarms(law, (0.05, 0.01), range(5, 12), 0)])
    assert whole == parts
    assert [(row.event, row.nominal) for row in whole][:2] == [("verdict", 0.05), ("first stage", pytest.approx(0.05**0.5))]


def test_an_engine_that_peeks_with_a_z_test_is_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: a fixed critical value at every look. At ten looks the first stage's rate is about .6 where .22 is
    allowed; 60 runs tell them apart with probability above .999."""
    monkeypatch.setattr(confidence, "boundary", lambda count, start, alpha: stats.norm.isf(np.asarray(alpha) / 2))
    rows = null_rows(count_alarms(SIMULATED[0], (0.05,), range(60), 0))
    assert [row.passed for row in rows if row.event == "first stage"] == [False]


def test_a_biased_law_is_accused() -> None:
    """A law with a bias of a tenth of its standard deviation, 9 standard errors at 8,000 rows."""
    sound = SIMULATED[0]
    shifted = replace(sound, draw=lambda source, count: sound.draw(source, count) + 0.1)
    verdict, stage = null_rows(count_alarms(shifted, (0.01,), range(20), 0))
    assert not verdict.passed
    assert not stage.passed


@pytest.mark.parametrize("name", ["Pareto", "constant"])
def test_what_cannot_be_decided_is_refused(name: str) -> None:
    row = refusal_row(the(refused_laws(), name), 10, 0)
    assert (row.wrong, row.passed) == (0, True)
    assert sum(row.outcomes.values()) == 10


def test_a_missing_number_ends_the_cell() -> None:
    """10^7 rows without one NaN have probability 5e-5; the seed is fixed."""
    assert refusal_row(the(refused_laws(), "NaN"), 1, 0).outcomes == {"failed (non-finite)": 1}


def test_an_engine_without_the_tail_gate_refuses_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bias_look, "MAX_SHARE", 1.0)
    assert not refusal_row(the(refused_laws(), "Pareto"), 5, 0).passed
