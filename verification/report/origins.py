"""Where biases enter: what ``--attribute`` found of every biased cell."""

from __future__ import annotations

from ..record.record import Record
from .quantities import MISSING, clip

__all__ = ["COLUMNS", "TITLE", "origin_rows"]

TITLE = "Where biases enter"
COLUMNS = ("estimator", "problem", "enters at", "why")

_LONGEST = {"name": 160, "note": 600}


def origin_rows(record: Record) -> list[tuple[str, ...]]:
    """One row of `COLUMNS` for every cell whose bias was searched for its origin."""
    found = ((cell, cell.find("attribution")) for cell in record.cells)
    return [
        (
            clip(cell.estimator, _LONGEST["name"]),
            clip(cell.problem, _LONGEST["name"]),
            check.outcome,
            clip(check.note, _LONGEST["note"]) or MISSING,
        )
        for cell, check in found
        if check is not None
    ]
