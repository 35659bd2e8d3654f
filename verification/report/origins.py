"""The sites at which biases enter, as ``--attribute`` names them for every biased cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..record.record import Cell, Check, Record
from .quantities import MISSING, clip

__all__ = ["COLUMNS", "TITLE", "origin_rows"]

TITLE = "Where biases enter"
_LONGEST = {"name": 160, "note": 600}


COLUMNS: Mapping[str, Callable[[Cell, Check], str]] = {
    "estimator": lambda cell, check: clip(cell.estimator, _LONGEST["name"]),
    "problem": lambda cell, check: clip(cell.problem, _LONGEST["name"]),
    "enters at": lambda cell, check: check.outcome,
    "why": lambda cell, check: clip(check.note, _LONGEST["note"]) or MISSING,
}
"""The table of origins: the heading of a column and the text of its cells."""


def origin_rows(record: Record) -> list[tuple[str, ...]]:
    """Return one row of `COLUMNS` for every cell whose bias was searched for its origin."""
    attributed = ((cell, cell.find("attribution")) for cell in record.cells)
    return [tuple(text(cell, check) for text in COLUMNS.values()) for cell, check in attributed if check is not None]
