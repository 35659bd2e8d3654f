"""The record of foreign code: how each target was called, and which could not be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..record.record import Cell, Check, Record
from ..record.study import Exhibits, Study, Table
from ..verdicts import Status
from .targets import Finding

__all__ = ["broken_cells", "with_conventions"]


def broken_cells(findings: Sequence[Finding], problems: Sequence[str]) -> list[Cell]:
    """Return the cells of targets that could not be examined: one for each problem, with the status and the reason."""
    return [_broken_cell(each, problem) for each in findings if each.convention is None for problem in problems]


def _broken_cell(finding: Finding, problem: str) -> Cell:
    """Return a cell without a row; its ``reason`` is ``unusable`` if the user has to mend the target."""
    details = {"reason": "unusable"} if finding.status == "refused" else {}
    check = Check(check="bias", outcome="failed", note=finding.note, details=details)
    status: Status = "failed" if finding.status == "refused" else finding.status
    return Cell(estimator=finding.target, problem=problem, status=status, checks=(check,))


def with_conventions(record: Record) -> Record:
    """Return the record with a study of how each foreign callable was called, if there is one.

    Verdicts that hold for one batch size, or one number of samples, say so in their notes.
    """
    found = {cell.estimator: cell.claims["convention"] for cell in record.cells if "convention" in cell.claims}
    if not found:
        return record
    rows = tuple(
        (
            name,
            each["kind"],
            each["takes"],
            each["returns"] or "a loss",
            "yes" if each["gradient_path"] else "no",
            each["sentence"],
        )
        for name, each in found.items()
    )
    table = Table(title="Conventions", columns=("target", "kind", "takes", "returns", "gradient path", "in words"), rows=rows)
    study = Study(
        name="conventions",
        title="How foreign code was called",
        text=(
            "What probing found of each target that is not written for this package. --takes, --returns and --state state it "
            "where the finding is wrong.",
        ),
        exhibits=Exhibits(tables=(table,)),
    )
    return replace(record, cells=tuple(map(_with_scope, record.cells)), studies=(*record.studies, study))


def _with_scope(cell: Cell) -> Cell:
    """Return the cell with the batch size and the number of samples of its verdict, if others could change its bias."""
    scope = _scope(cell.claims.get("convention"))
    if not scope or cell.status != "ok":
        return cell
    return replace(cell, checks=tuple(_note_scope(each, scope) for each in cell.checks))


def _note_scope(check: Check, scope: str) -> Check:
    """Return the check with the scope in its note, if it is a verdict on bias."""
    if check.check != "bias" or check.outcome not in ("biased", "unbiased", "inconclusive"):
        return check
    return replace(check, note="; ".join(filter(None, (check.note, scope))))


def _scope(convention: dict[str, Any] | None) -> str:
    """Return in words what a convention fixed that the user may choose otherwise; empty if nothing."""
    if not convention:
        return ""
    fixed = []
    if convention["group"] > 1:
        fixed.append(f"a batch of {convention['group']}, whose rows depend on each other")
    if convention["samples"] > 1 and (convention["layout"], convention["reduction"]) != ("single", "rows"):
        fixed.append(f"{convention['samples']} samples a replicate")
    return f"judged at {' and '.join(fixed)}; at others its bias may differ" if fixed else ""
