"""The change that a comparison would have found, against the formula for equal samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gradverify.verification.comparison.change import Change
from gradverify.verification.comparison.differences import log_variance_error
from gradverify.verification.comparison.sensitivity import PLANNED, sensitivities
from gradverify.verification.record.record import Cell

from .simulated_records import one


def variance_test(cell: Cell) -> Change:
    return Change(estimator=cell.estimator, problem=cell.problem, quantity="variance", direction="better")


def test_the_detectable_increase_and_its_rows_solve_one_equation() -> None:
    """With the rows that are said to be needed, the detectable increase is the planned one."""
    base, head = one(0).cells[0], one(1).cells[0]
    (own,) = sensitivities([(base, head)], [variance_test(head)], 0.0, 1e-3)
    checks = [cell.find("variance") for cell in (base, head)]
    error = np.hypot(*(log_variance_error(check) for check in checks if check is not None))
    reach = stats.norm.isf(5e-4) + stats.norm.ppf(0.9)
    assert own.detectable == pytest.approx(np.expm1(reach * error))
    assert own.rows_needed is not None
    rows = 2 / sum(1 / count for count in own.rows)
    shrunk = error * np.sqrt(rows / own.rows_needed)
    assert np.expm1(reach * shrunk) == pytest.approx(PLANNED)


def test_a_margin_above_the_plan_leaves_no_rows_to_name() -> None:
    base, head = one(0).cells[0], one(1).cells[0]
    (own,) = sensitivities([(base, head)], [variance_test(head)], 0.2, 1e-3)
    assert own.rows_needed is None
    assert own.detectable > 0.2
    assert sensitivities([(base, head)], [], 0.0, 1e-3) == []
