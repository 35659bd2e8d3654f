"""The record of foreign code: how each target was called, and which could not be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..problems.problem import Problem
from ..record.record import Cell, Check, Record
from ..record.study import Exhibits, Study, Table
from ..verdicts import Status
from .own_gradient import explain_missing, has_own_gradient
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


def with_conventions(record: Record, problems: Sequence[Problem] = ()) -> Record:
    """Return the record with a study of how each foreign callable was called, if there is one.

    Verdicts that hold for one batch size, or one number of samples, say so in their notes. A bias says if the objective has a
    gradient of its own that the foreign code leaves out.

    Args:
        record: The record of a run.
        problems: The run's problems.
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
            "where the finding is wrong. A returned loss is descended; --maximize says that it is ascended.",
        ),
        exhibits=Exhibits(tables=(table,)),
    )
    by_name = {problem.name: problem for problem in problems}
    cells = tuple(_with_notes(cell, by_name.get(cell.problem)) for cell in record.cells)
    return replace(record, cells=cells, studies=(*record.studies, study))


def _with_notes(cell: Cell, problem: Problem | None) -> Cell:
    """Return the cell with what its convention says about its verdict: what it holds for, and what it leaves out."""
    convention = cell.claims.get("convention")
    if not convention or cell.status != "ok":
        return cell
    missing = explain_missing(convention)
    if problem is None or not missing or not has_own_gradient(problem):
        missing = ""
    return replace(cell, checks=tuple(_note(each, _scope(convention), missing) for each in cell.checks))


def _note(check: Check, scope: str, missing: str) -> Check:
    """Return the check with the scope in its note, and what is missing if it is biased, if it is a verdict on bias."""
    if check.check != "bias" or check.outcome not in ("biased", "unbiased", "inconclusive"):
        return check
    found = missing if check.outcome == "biased" else ""
    return replace(check, note="; ".join(filter(None, (check.note, found, scope))))


def _scope(convention: dict[str, Any]) -> str:
    """Return in words what a convention fixed that the user may choose otherwise; empty if nothing."""
    fixed = []
    if convention["group"] > 1:
        fixed.append(f"a batch of {convention['group']}, whose rows depend on each other")
    if convention["samples"] > 1 and (convention["layout"], convention["reduction"]) != ("single", "rows"):
        fixed.append(f"{convention['samples']} samples a replicate")
    return f"judged at {' and '.join(fixed)}; at others its bias may differ" if fixed else ""
