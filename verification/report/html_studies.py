"""The page's sections on studies: paragraphs, statements, tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from ..record.record import Record
from ..record.study import Study, Table
from .canvas import Picture, for_page
from .quantities import MISSING, number, values

__all__ = ["studies"]

STATEMENT_COLUMNS = ("Claim", "Outcome", "Measured", "Note")

_MOST_VALUES = 16


def studies(record: Record, pictures: Sequence[tuple[str, Picture]]) -> list[dict[str, Any]]:
    """Return every study in the form that the template shows."""
    return [
        {
            "name": study.name,
            "title": study.title,
            "text": study.text,
            "statements": _statements(study),
            "settings": {name.replace("_", " "): _setting(value) for name, value in study.settings.items()},
            "tables": [_table(each) for each in (*study.exhibits.tables, *study.timing.tables)],
            "pictures": [(each, Markup(for_page(each))) for owner, each in pictures if owner == study.name],
        }
        for study in record.studies
    ]


def _setting(value: Any) -> str:
    """Write a setting in full; shorten long lists, and leave lists of jobs to the record."""
    if not isinstance(value, (list, tuple)):
        return number(value)
    if any(isinstance(each, Mapping) for each in value):
        return f"{len(value)}, listed in report.json"
    return values(value, most=_MOST_VALUES)


def _statements(study: Study) -> dict[str, Any] | None:
    rows = [[each.claim, each.outcome, each.measured, each.note or MISSING] for each in study.statements]
    return {"columns": STATEMENT_COLUMNS, "rows": rows} if rows else None


def _table(table: Table) -> dict[str, Any]:
    rows = [[number(value, digits=6) for value in row] for row in table.rows]
    return {"title": table.title, "caption": table.caption, "columns": table.columns, "rows": rows}
