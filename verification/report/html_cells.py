"""The page's sections on cells: findings with their numbers, the table of verdicts, every number of a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

from markupsafe import Markup

from ..record.record import Cell, Check, Record
from ..verdicts import Outcome, StatementOutcome
from .canvas import Picture, for_page
from .cell_words import answer, bias_detail
from .overview import REFERENCES, Finding, family_of
from .quantities import MISSING, count, number, percent, rate, size, span

__all__ = ["TONES", "families", "finding", "list_undecided", "references", "verdicts"]

Tone = Literal["good", "off", "open", "bad"]

TONES: Mapping[Outcome | StatementOutcome | Literal["not tested"], Tone] = {
    "unbiased": "good",
    "pass": "good",
    "agree": "good",
    "biased": "off",
    "inconclusive": "open",
    "failed": "bad",
    "crashed": "bad",
    "timeout": "bad",
    "disagree": "bad",
    "holds": "good",
    "fails": "off",
    "open": "open",
}
"""The colour in which the page shows a word, as a class of its style sheet."""

_CHANNEL = ("name", "kind", "estimate", "interval", "sigma", "skewness", "tau", "open")
_VALUE = ("kind", "outcome", "value", "difference", "interval", "relative", "note")
_COORDINATE = ("coordinate", "relative", "interval")
_LOOK = ("stage", "channel", "n", "estimate", "interval")


def finding(entry: Finding) -> dict[str, Any]:
    """Return a finding with the facts and the numbers behind it."""
    cell, check = entry.cell, entry.check
    facts = {
        "Reason": str(check.details.get("reason") or MISSING),
        "Relative error": _figure(check.relative_error, percent),
        "Scale": _figure(check.scale, number),
        "Angle, degrees": _figure(check.angle, number),
        "Channel": str(check.details.get("channel") or MISSING),
        "Estimate": number(check.estimate),
        "Interval": span(check.interval),
        "Tolerance reached": percent(check.details.get("r")),
        "Detectable bias": number(check.detectable),
        "Rows": count(check.num_samples) if check.num_samples else MISSING,
        "Rows to decide": count(check.details.get("rows_needed")),
        "Size of the bias": str(check.details.get("material") or MISSING),
        "Reference": check.reference or MISSING,
    }
    return {
        "estimator": cell.estimator,
        "problem": cell.problem,
        "check": check.check.replace("_", " "),
        "answer": answer(check),
        "claim": check.claim,
        "note": check.note,
        "facts": {name: value for name, value in facts.items() if value != MISSING},
        "replay": cell.replay,
        "channels": _table(check.details.get("channels"), _CHANNEL),
        "coordinates": _table(check.details.get("coordinates"), _COORDINATE),
        "looks": _table(check.details.get("looks"), _LOOK),
        "histogram": _histogram(check.details.get("histogram")),
        "values": _table(check.details.get("values"), _VALUE),
    }


def _figure(figure: Mapping[str, Any] | None, write: Callable[[Any], str]) -> str:
    """Write a figure with its interval."""
    if figure is None:
        return MISSING
    low, high = figure["interval"]
    return write(figure["estimate"]) if low == high else f"{write(figure['estimate'])} [{write(low)}, {write(high)}]"


def list_undecided(several: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return findings as one table, whose columns are the facts that occur."""
    facts = list(dict.fromkeys(name for each in several for name in each["facts"]))
    rows = [
        [each["estimator"], each["problem"], each["check"], *(each["facts"].get(name, MISSING) for name in facts),
         each["note"] or MISSING]
        for each in several
    ]  # fmt: skip
    return {"columns": ["Estimator", "Problem", "Check", *facts, "Note"], "rows": rows}


def _table(rows: Any, columns: Sequence[str]) -> dict[str, Any] | None:
    """Return a list of mappings as a table of the columns that occur in it, or None if there is nothing to show."""
    entries = [row for row in rows or () if isinstance(row, Mapping)]
    shown = [column for column in columns if any(column in row for row in entries)]
    if not shown:
        return None
    return {"columns": shown, "rows": [[_value(column, row.get(column)) for column in shown] for row in entries]}


def _value(column: str, value: Any) -> str:
    if column == "interval":
        return span(value)
    return count(value) if column == "n" else number(value)


def _histogram(histogram: Any) -> dict[str, Any] | None:
    if not isinstance(histogram, Mapping) or not histogram.get("counts") or not histogram.get("edges"):
        return None
    edges, counts = histogram["edges"], histogram["counts"]
    rows = [[f"{number(low)} to {number(high)}", count(n)] for low, high, n in zip(edges, edges[1:], counts, strict=False)]
    return {"columns": ["gradient row minus reference", "rows"], "rows": rows}


def verdicts(record: Record) -> dict[str, Any]:
    """Return the table of estimators by problems, with the problems grouped by family."""
    cells = [cell for cell in record.cells if cell.estimator != REFERENCES]
    problems = dict.fromkeys((family_of(cell), cell.problem) for cell in cells)
    columns = sorted(problems, key=lambda each: [family for family, _ in problems].index(each[0]))
    by_place = {(cell.estimator, cell.problem): cell for cell in cells}
    return {
        "groups": [(family, len(list(same))) for family, same in groupby(columns, key=lambda each: each[0])],
        "problems": [_short(problem, family) for family, problem in columns],
        "rows": [
            (estimator, [_verdict(by_place.get((estimator, problem))) for _, problem in columns])
            for estimator in dict.fromkeys(cell.estimator for cell in cells)
        ],
    }


def _verdict(cell: Cell | None) -> dict[str, str]:
    if cell is None:
        return {"word": "", "detail": "", "tone": "", "refuted": ""}
    word = cell.word
    refuted = any(check.claim == "refuted" for check in cell.checks)
    tone = "bad" if refuted else TONES.get(word, "")
    return {"word": word, "detail": bias_detail(cell), "tone": tone, "refuted": "refuted" if refuted else ""}


def _short(problem: str, family: str) -> str:
    return problem.removeprefix(family).lstrip(":/") or problem


def families(record: Record, pictures: Sequence[tuple[str, Picture]]) -> list[dict[str, Any]]:
    """Return every family with its pictures and its numbers."""
    cells: dict[str, list[Cell]] = {}
    for cell in record.cells:
        if cell.estimator != REFERENCES:
            cells.setdefault(family_of(cell), []).append(cell)
    for family, _ in pictures:
        cells.setdefault(family, [])
    return [
        {
            "name": family,
            "pictures": [(each, Markup(for_page(each))) for owner, each in pictures if owner == family],
            "bias": _table_of(_BIAS_COLUMNS, several),
            "other": _table_of(_OTHER_COLUMNS, several),
        }
        for family, several in cells.items()
    ]


_NOTHING = Check(check="", outcome="not compared")
"""The check whose figures a cell shows where it has no such check."""


def _check(cell: Cell, name: str) -> Check:
    return cell.find(name) or _NOTHING


def _bias_note(cell: Cell) -> str:
    bias = _check(cell, "bias")
    return ": ".join(filter(None, (str(bias.details.get("reason") or ""), bias.note))) or MISSING


_Columns = Mapping[str, Callable[[Cell], str]]

_BIAS_COLUMNS: _Columns = {
    "Estimator": lambda cell: cell.estimator,
    "Problem": lambda cell: cell.problem,
    "Verdict": lambda cell: cell.word if (bias := cell.find("bias")) is None else bias.outcome,
    "Claim": lambda cell: _check(cell, "bias").claim,
    "Kind": lambda cell: _check(cell, "bias").kind or MISSING,
    "Relative error": lambda cell: _figure(_check(cell, "bias").relative_error, percent),
    "Scale": lambda cell: _figure(_check(cell, "bias").scale, number),
    "Angle, degrees": lambda cell: _figure(_check(cell, "bias").angle, number),
    "Channel": lambda cell: str(_check(cell, "bias").details.get("channel") or MISSING),
    "Bias": lambda cell: number(_check(cell, "bias").estimate),
    "Interval": lambda cell: span(_check(cell, "bias").interval),
    "Tolerance": lambda cell: number(_check(cell, "bias").details.get("tau")),
    "Sigma": lambda cell: number(_check(cell, "bias").details.get("sigma")),
    "Rows": lambda cell: count(_check(cell, "bias").num_samples),
    "Reference": lambda cell: _check(cell, "bias").reference or MISSING,
    "Note": _bias_note,
}
"""A family's table of biases: the heading of a column and the text of its cells."""

_OTHER_COLUMNS: _Columns = {
    "Estimator": lambda cell: cell.estimator,
    "Problem": lambda cell: cell.problem,
    "Conformance": lambda cell: _outcome(cell, "conformance"),
    "Forward law": lambda cell: _outcome(cell, "forward_law"),
    "Variance": lambda cell: number(_check(cell, "variance").estimate),
    "Interval": lambda cell: span(_check(cell, "variance").interval),
    "Against exact": lambda cell: _outcome(cell, "variance"),
    "Rows a second": lambda cell: rate(_check(cell, "cost").timing.get("rows_per_second")),
    "Variance x seconds": lambda cell: number(_check(cell, "cost").timing.get("variance_seconds")),
    "Evaluations a row": lambda cell: count(_check(cell, "cost").details.get("evaluations")),
    "Peak memory": lambda cell: size(_check(cell, "cost").timing.get("peak_bytes")),
}
"""A family's table of the other checks."""


def _table_of(columns: _Columns, cells: Sequence[Cell]) -> dict[str, Any]:
    return {"columns": tuple(columns), "rows": [[text(cell) for text in columns.values()] for cell in cells]}


def _outcome(cell: Cell, name: str) -> str:
    """Return the outcome of a cell's check, or the sign for a missing one."""
    check = cell.find(name)
    return MISSING if check is None else check.outcome


def references(record: Record) -> dict[str, Any] | None:
    """Return every reference of every problem, with its value or its distance from the deciding one."""
    rows = [
        [text(cell, check, entry) for text in _REFERENCE_COLUMNS.values()]
        for cell in record.cells
        for check in cell.checks
        if check.check == "references"
        for entry in check.details.get("values") or ({"note": check.note},)
        if isinstance(entry, Mapping)
    ]
    columns = tuple(_REFERENCE_COLUMNS)
    shown = [at for at in range(len(columns)) if any(row[at] != MISSING for row in rows)]
    return {"columns": [columns[at] for at in shown], "rows": [[row[at] for at in shown] for row in rows]} if rows else None


_REFERENCE_COLUMNS: Mapping[str, Callable[[Cell, Check, Mapping[str, Any]], str]] = {
    "Problem": lambda cell, check, entry: cell.problem,
    "Reference": lambda cell, check, entry: str(entry.get("kind") or MISSING),
    "Outcome": lambda cell, check, entry: str(entry.get("outcome") or check.outcome),
    "Value": lambda cell, check, entry: number(entry.get("value")),
    "Difference": lambda cell, check, entry: number(entry.get("difference")),
    "Interval": lambda cell, check, entry: span(entry.get("interval")),
    "Relative": lambda cell, check, entry: percent(entry.get("relative")),
    "Reason": lambda cell, check, entry: str(entry.get("reason") or entry.get("note") or MISSING),
}
"""The table of references: the heading of a column and the text of its cells."""
