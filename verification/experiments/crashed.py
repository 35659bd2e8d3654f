"""Crashed jobs as cells of the record: the exit status follows from them, and the report lists them first."""

from __future__ import annotations

from ..record.record import Cell, Check

__all__ = ["DIED", "crashed_cell"]

DIED = "its worker process died (killed, out of memory, or a crash in native code)"
"""The note on a job whose process died even when it ran alone."""


def crashed_cell(estimator: str, problem: str, note: str) -> Cell:
    """Return the cell that a crashed job leaves in a record.

    A crash says nothing about a gradient, so a study cannot count it as a finding: nothing was measured.

    Args:
        estimator: The estimator's name.
        problem: The name of what it was run on, unique to the job.
        note: The exception and its message.
    """
    return Cell(
        estimator=estimator, problem=problem, status="crashed", checks=(Check(check="bias", outcome="failed", note=note),)
    )
