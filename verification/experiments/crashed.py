"""Jobs that crashed, as cells of the record: from those the exit status follows, and what the report lists first."""

from __future__ import annotations

from ..record.record import Cell, Check

__all__ = ["DIED", "crashed_cell"]

DIED = "its worker process died (killed, out of memory, or a crash in native code)"
"""What is said of a job whose process died, when it ran alone too."""


def crashed_cell(estimator: str, problem: str, note: str) -> Cell:
    """What a job that crashed leaves in a record.

    A crash says nothing of a gradient, so that a study cannot count it as a finding; what was asked for was not measured.

    Args:
        estimator: Its name.
        problem: What it was run on, a name of its own for every job.
        note: What was raised.
    """
    return Cell(
        estimator=estimator, problem=problem, status="crashed", checks=(Check(check="bias", outcome="failed", note=note),)
    )
