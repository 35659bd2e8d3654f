"""What the page says of cells: findings with their numbers, the table of verdicts, every number of a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from ..record.record import Cell, Check, Record
from .canvas import Picture, for_page
from .cell_words import bias_detail
from .overview import REFERENCES, Finding, family_of
from .quantities import MISSING, count, number, percent, rate, size, span
from .relative import relative_bias

__all__ = ["TONES", "families", "finding", "references", "undecided", "verdicts"]

TONES = {
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


_CHANNEL = ("name", "kind", "estimate", "interval", "sigma", "skewness", "tau", "open")
_VALUE = ("kind", "outcome", "value", "difference", "interval", "relative", "note")
_LOOK = ("stage", "channel", "n", "estimate", "interval")


def finding(found: Finding) -> dict[str, Any]:
    """One finding with the facts and the numbers behind it."""
    cell, check = found.cell, found.check
    facts = {
        "Reason": str(check.details.get("reason") or MISSING),
        "Estimate": number(check.estimate),
        "Interval": span(check.interval),
        "Relative to scale": percent(check.relative),
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
        "outcome": check.outcome,
        "claim": check.claim,
        "note": check.note,
        "facts": {name: value for name, value in facts.items() if value != MISSING},
        "replay": cell.replay,
        "channels": _table(check.details.get("channels"), _CHANNEL),
        "looks": _table(check.details.get("looks"), _LOOK),
        "histogram": _histogram(check.details.get("histogram")),
        "values": _table(check.details.get("values"), _VALUE),
    }


def undecided(several: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Findings as one table: the facts that occur are its columns."""
    facts = list(dict.fromkeys(name for each in several for name in each["facts"]))
    rows = [
        [each["estimator"], each["problem"], each["check"], *(each["facts"].get(name, MISSING) for name in facts),
         each["note"] or MISSING]
        for each in several
    ]  # fmt: skip
    return {"columns": ["Estimator", "Problem", "Check", *facts, "Note"], "rows": rows}


def _table(rows: Any, columns: Sequence[str]) -> dict[str, Any] | None:
    """A list of mappings as a table of the columns that occur in it, or None where there is nothing to show."""
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
    """The table of estimators by problems, the problems under their families."""
    cells = [cell for cell in record.cells if cell.estimator != REFERENCES]
    problems = dict.fromkeys((family_of(cell), cell.problem) for cell in cells)
    columns = sorted(problems, key=lambda each: [family for family, _ in problems].index(each[0]))
    found = {(cell.estimator, cell.problem): cell for cell in cells}
    return {
        "groups": [(family, len(list(same))) for family, same in groupby(columns, key=lambda each: each[0])],
        "problems": [_short(problem, family) for family, problem in columns],
        "rows": [
            (estimator, [_verdict(found.get((estimator, problem))) for _, problem in columns])
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
    """Every family with its pictures and its numbers."""
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
            "bias": {"columns": _BIAS_COLUMNS, "rows": [_bias_row(cell) for cell in several]},
            "other": {"columns": _OTHER_COLUMNS, "rows": [_other_row(cell) for cell in several]},
        }
        for family, several in cells.items()
    ]


_BIAS_COLUMNS = ("Estimator", "Problem", "Verdict", "Claim", "Relative bias", "Relative interval", "Bias", "Interval",
                 "Tolerance", "Sigma", "Rows", "Reference", "Note")  # fmt: skip
_OTHER_COLUMNS = ("Estimator", "Problem", "Conformance", "Forward law", "Variance", "Interval", "Against exact",
                  "Rows a second", "Variance x seconds", "Evaluations a row", "Peak memory")  # fmt: skip


def _bias_row(cell: Cell) -> list[str]:
    bias = cell.find("bias")
    check = bias or Check(check="bias", outcome="not compared")
    relative = relative_bias(cell, check)
    interval = f"[{percent(relative[1])}, {percent(relative[2])}]" if relative else MISSING
    return [
        cell.estimator,
        cell.problem,
        cell.word if bias is None else bias.outcome,
        check.claim,
        percent(check.relative),
        interval,
        number(check.estimate),
        span(check.interval),
        number(check.details.get("tau")),
        number(check.details.get("sigma")),
        count(check.num_samples),
        check.reference or MISSING,
        ": ".join(filter(None, (str(check.details.get("reason") or ""), check.note))) or MISSING,
    ]


def _other_row(cell: Cell) -> list[str]:
    nothing = Check(check="", outcome="not compared")
    variance, cost = cell.find("variance") or nothing, cell.find("cost") or nothing
    return [
        cell.estimator,
        cell.problem,
        _outcome(cell, "conformance"),
        _outcome(cell, "forward_law"),
        number(variance.estimate),
        span(variance.interval),
        _outcome(cell, "variance"),
        rate(cost.timing.get("rows_per_second")),
        number(cost.timing.get("variance_seconds")),
        count(cost.details.get("evaluations")),
        size(cost.timing.get("peak_bytes")),
    ]


def _outcome(cell: Cell, name: str) -> str:
    """Return the outcome of a cell's check, or the sign for a missing one."""
    check = cell.find(name)
    return MISSING if check is None else check.outcome


def references(record: Record) -> dict[str, Any] | None:
    """Every reference of every problem, with what it gave or how far it is from the deciding one."""
    rows = [
        [
            cell.problem,
            str(each.get("kind") or MISSING),
            str(each.get("outcome") or check.outcome),
            number(each.get("value")),
            number(each.get("difference")),
            span(each.get("interval")),
            percent(each.get("relative")),
            str(each.get("reason") or each.get("note") or MISSING),
        ]
        for cell in record.cells
        for check in cell.checks
        if check.check == "references"
        for each in check.details.get("values") or ({"note": check.note},)
        if isinstance(each, Mapping)
    ]
    columns = ("Problem", "Reference", "Outcome", "Value", "Difference", "Interval", "Relative", "Reason")
    shown = [at for at in range(len(columns)) if any(row[at] != MISSING for row in rows)]
    return {"columns": [columns[at] for at in shown], "rows": [[row[at] for at in shown] for row in rows]} if rows else None
