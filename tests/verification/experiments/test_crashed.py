"""Crashed jobs: cells that are no finding."""

from __future__ import annotations

from gradverify.verification.experiments.crashed import DIED, crashed_cell


def test_a_crash_fails_and_supports_no_claim() -> None:
    cell = crashed_cell("relax", "walk/one", DIED)
    (check,) = cell.checks
    assert (cell.status, check.outcome, check.note) == ("crashed", "failed", DIED)
    assert check.claim == "none"
