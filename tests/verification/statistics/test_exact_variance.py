"""A sample variance against the exact one: rates, the second stage, and the cell that draws its rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from gradverify.estimators import LeaveOneOut
from gradverify.verification import verify
from gradverify.verification.run.cell import CellRun
from gradverify.verification.statistics.exact_variance import ExactVariance
from gradverify.verification.statistics.moments import Moments
from gradverify.verification.statistics.rounding import variance_rounding
from gradverify.verification.workbench import Workbench

from ..run.test_cell import a_cell, run_to_end
from ..targets.programs import FAIR

EXACT = 49.0  # of a leave-one-out pair on the fair bit
STAGE = 0.2
RUNS = 250
# A rate of 0.04 gives more than this in 250 runs with probability 1e-9; a rate of 0.2, as one stage has, hardly ever as few.
MOST = int(stats.binom.isf(1e-9, RUNS, STAGE**2))


def stage(rows: NDArray[np.float64]) -> Moments:
    return Moments.from_rows(rows.reshape(-1, 1))


def judged(
    first: NDArray[np.float64], second: NDArray[np.float64], exact: float = 1.0, alpha: float = STAGE**2
) -> ExactVariance:
    test = ExactVariance(exact, alpha)
    test.screen(stage(first), 0)
    if test.waiting:
        test.confirm(stage(second))
    return test


def alarms(*, again: bool = False) -> int:
    found = 0
    for seed in range(RUNS):
        first, second = np.random.default_rng(seed).normal(size=(2, 1500))
        found += judged(first, first if again else second).outcome == "differs from exact"
    return found


def test_a_right_variance_raises_few_alarms() -> None:
    """False-fail rate 1e-9."""
    assert alarms() <= MOST


def test_this_test_sees_stages_that_share_their_rows() -> None:
    """Planted: the second stage is shown the first one's rows. Missed with probability below 1e-3; the seeds are fixed."""
    assert alarms(again=True) > MOST


def test_a_variance_off_by_a_tenth_is_found() -> None:
    """8.7 standard errors a stage at a limit of 3.7: missed with probability 1e-6."""
    first, second = np.random.default_rng(0).normal(size=(2, 15_000)) * 1.1**0.5
    found = judged(first, second, alpha=1e-6)
    assert (found.outcome, found.rows_wanted) == ("differs from exact", 15_000)


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, "matches exact"), (1.5, "measured")])
def test_an_alarm_that_fresh_rows_do_not_repeat_is_none(factor: float, outcome: str) -> None:
    """The second stage has the exact variance, or is off on the other side."""
    first, second = np.random.default_rng(0).normal(size=(2, 15_000))
    found = judged(first / 1.5**0.5, second * factor**0.5, alpha=1e-6)
    assert (found.outcome, found.confirming is not None) == (outcome, True)


def test_a_tail_that_was_not_seen_is_no_evidence() -> None:
    """Lognormal rows: the sample variance of 40,000 of them is too small more often than not, by far more than its error."""
    rows = np.random.default_rng(0).lognormal(0, 1.5, size=(2, 40_000))
    exact = np.exp(2.25) * (np.exp(2.25) - 1)
    assert judged(rows[0], rows[1], exact, alpha=1e-2).outcome == "measured"


def test_one_row_that_holds_much_of_the_fourth_moment_accuses_nobody() -> None:
    rows = np.random.default_rng(0).normal(size=20_000)
    rows[7] = 25.0
    assert judged(rows, rows, exact=0.5).outcome == "measured"
    assert judged(np.delete(rows, 7), np.delete(rows, 7), exact=0.5).outcome == "differs from exact"


def test_a_match_is_said_of_variances_within_a_tenth_alone() -> None:
    """1,500 normal rows know their variance to 4 % a standard error: too few; a hundred times as many are enough."""
    few, many = (np.random.default_rng(0).normal(size=(2, count)) for count in (1500, 150_000))
    assert judged(few[0], few[1], alpha=1e-6).outcome == "measured"
    assert judged(many[0], many[1], alpha=1e-6).outcome == "matches exact"


def test_what_rounding_leaves_of_no_variance_is_none() -> None:
    """Rows that differ in their last digits, where the exact variance is zero or a residue itself."""
    rows = 1 + 1e-15 * np.random.default_rng(0).normal(size=(2, 2000))
    for exact in (0.0, 9e-16):
        test = ExactVariance(exact, 1e-6, variance_rounding([1.0], torch.float64))
        test.screen(stage(rows[0]), 0)
        assert (test.outcome, test.waiting) == ("matches exact", False)
    assert judged(rows[0], rows[1], exact=0.0, alpha=1e-6).outcome == "differs from exact"


def test_any_spread_differs_from_none() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 2000))
    assert judged(first, second, exact=0.0, alpha=1e-6).outcome == "differs from exact"
    assert judged(0 * first, second, exact=1.0, alpha=1e-6).outcome == "measured"


def a_compared_cell(exact: float) -> tuple[CellRun, Workbench]:
    cell, workbench = a_cell(LeaveOneOut(), FAIR, min_rows=10_000)
    cell.variance = ExactVariance(exact, 1e-6)
    return cell, workbench


def test_a_cell_draws_fresh_rows_for_a_difference_and_for_nothing_else() -> None:
    """The exact variance is 49: nothing to confirm, with a false-alarm rate of 1e-3. Twice that is 30 standard errors off."""
    right, wrong = run_to_end(*a_compared_cell(EXACT)), run_to_end(*a_compared_cell(2 * EXACT))
    assert right.variance is not None
    assert wrong.variance is not None
    assert (right.variance.outcome, right.variance.confirming) == ("matches exact", None)
    assert wrong.variance.outcome == "differs from exact"
    assert wrong.variance.confirming is not None
    assert wrong.variance.confirming.count >= wrong.rows.count == right.rows.count
    assert wrong.variance.confirming.m2 != wrong.rows.m2
    assert (wrong.rows.m2 == right.rows.m2).all()


def test_a_cell_that_is_ended_before_its_second_stage_says_only_what_was_measured() -> None:
    cell, workbench = a_compared_cell(2 * EXACT)
    while cell.variance is not None and not cell.variance.waiting:
        task = cell.next_task()
        assert task is not None
        cell.receive(task, task.perform(workbench))
    assert not cell.closed
    cell.end("interrupted")
    assert cell.closed
    assert cell.variance is not None
    assert cell.variance.outcome == "measured"


def test_the_record_says_what_the_fresh_rows_showed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradverify.verification.run.verification.has_known_variance", lambda *_: True)
    monkeypatch.setattr("gradverify.verification.run.verification.known_variance", lambda *_: 2 * EXACT)
    variance = verify(LeaveOneOut(), FAIR).cells[-1].find("variance")
    assert variance is not None
    assert (variance.outcome, variance.claim) == ("differs from exact", "refuted")
    assert variance.note.startswith("exact value 98; confirmed by 4")
    assert variance.note.endswith("in 32768 fresh rows")
