"""An overview for a reader in a hurry: what is wrong, what is undecided, and how often each outcome occurred.

This module selects, sorts and counts the verdicts of a record; it forms none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ..record.record import Cell, Check, Family, Record
from ..record.study import Study
from ..verdicts import CellWord, StatementOutcome
from .quantities import count

__all__ = [
    "EXIT_MEANING",
    "KINDS",
    "REFERENCES",
    "REPEATED",
    "Attention",
    "Finding",
    "Grid",
    "Kind",
    "answers",
    "count_words",
    "exit_status",
    "family_of",
    "findings",
    "grid",
    "headline",
    "judges",
    "kind_of",
    "meaning",
    "outcome_counts",
]

Attention = Literal["refuted", "failed", "not run", "inconclusive", "warning"]
"""The attention that an answer needs, the gravest first."""

Kind = Attention | Literal["repeated", ""]
"""The kind of an answer: the attention that it needs, `REPEATED`, or nothing."""

KINDS: Mapping[Attention, str] = {
    "refuted": "Claims refuted",
    "failed": "Failed",
    "not run": "Could not be run",
    "inconclusive": "Inconclusive",
    "warning": "Warnings",
}

EXIT_MEANING: Mapping[int, str] = {
    0: "every claim holds",
    1: "a claim is refuted, or a check failed",
    2: "a target could not be used; what to do stands beside it",
    3: "nothing is refuted, something is inconclusive within the budget",
    4: "something could not be run",
    130: "the run was stopped before its end, and what is finished is written (128 + n for signal n, 130 for Ctrl-C)",
}

REFERENCES = "references"
"""The name under which a record holds the cells of the references, in place of an estimator's."""

REPEATED: Literal["repeated"] = "repeated"
"""The kind of an answer that the record holds for completeness: it repeats another answer of the same cell."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One answer and where it stands.

    Attributes:
        kind: A key of `KINDS`; `REPEATED` if another check of the cell says the same; empty if nothing needs attention.
        cell: The cell to which the answer belongs.
        check: The answer.
    """

    kind: Kind
    cell: Cell
    check: Check


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Bias outcomes, counted per estimator and family of problems.

    Attributes:
        estimators: Names of the estimators, one row each.
        families: Families of problems, one column each.
        counts: For an estimator and a family, how often each word occurs; its flag says that a claim on bias is refuted.
    """

    estimators: tuple[str, ...]
    families: tuple[str, ...]
    counts: Mapping[tuple[str, str], Counter[tuple[CellWord, bool]]]

    @property
    def has_refuted(self) -> bool:
        """True if any of the words stands for a refuted claim."""
        return any(refuted for counts in self.counts.values() for _, refuted in counts)


def answers(record: Record) -> Iterator[Finding]:
    """Yield every answer of a record in order: the checks of each cell, the end of a cell that ended badly, each exponent."""
    for cell in record.cells:
        for check in (*cell.checks, *_end(cell)):
            yield Finding(kind=kind_of(cell, check), cell=cell, check=check)
    for family in record.families:
        cell, check = _exponent(family)
        yield Finding(kind=kind_of(cell, check), cell=cell, check=check)


def findings(record: Record) -> dict[Attention, list[Finding]]:
    """Return the answers that need attention, by kind, the gravest kind first; kinds that do not occur are left out."""
    every = list(answers(record))
    sorted_by_kind = {kind: [finding for finding in every if finding.kind == kind] for kind in KINDS}
    return {kind: several for kind, several in sorted_by_kind.items() if several}


def kind_of(cell: Cell, check: Check) -> Kind:
    """Return the attention that an answer needs; `REPEATED` if another answer of the cell says the same."""
    kind = _kind(cell, check)
    first = cell.find("conformance")
    # A bias is not measured where conformance failed: its check bears the same outcome with the same note.
    again = check.check == "bias" and first is not None and (first.outcome, first.note) == (check.outcome, check.note)
    return REPEATED if kind and again else kind


def _kind(cell: Cell, check: Check) -> Attention | Literal[""]:
    if check.claim == "refuted":
        return "refuted"
    stopped = cell.status in ("crashed", "timeout")
    if check.outcome in ("crashed", "timeout") or (stopped and check.outcome == "failed"):
        return "not run"
    if check.outcome in ("failed", "disagree"):
        return "failed"
    if "inconclusive" in (check.claim, check.outcome):
        return "inconclusive"
    negligible = check.outcome == "biased" and check.details.get("material") == "negligible"
    # A small coordinate may be wrong although the whole gradient is right; an accepted rescaling is a bias all the same.
    warned = negligible or bool(check.outcome == "unbiased" and check.details.get("coordinates"))
    warned = warned or (check.outcome == "biased" and check.claim == "supported")
    return "warning" if warned and cell.claims.get("here", cell.claims.get("bias")) == "unbiased" else ""


def exit_status(record: Record) -> int:
    """Return the command's exit status for a record.

    It is 130 if the run was stopped; otherwise 2 goes before 1, that before 4, 4 before 3, and 3 before 0. Status 2 means that
    one of several targets could not be used; its cells say what to do. A single such target leaves no record.
    """
    if not record.run.complete:
        return 130
    if any(check.details.get("reason") == "unusable" for cell in record.cells for check in cell.checks):
        return 2
    kinds = {each.kind for each in answers(record)}
    if kinds & {"refuted", "failed"}:
        return 1
    if "not run" in kinds:
        return 4
    return 3 if "inconclusive" in kinds else 0


def judges(record: Record) -> bool:
    """True if the record holds anything to a claim, so that its tolerance and its error rate mean something."""
    return bool(record.cells or record.families)


def meaning(record: Record) -> str:
    """Explain the exit status of a record."""
    if record.run.complete and record.studies and not judges(record):
        return "everything that was asked for was measured; statements are findings and change no exit status"
    status = exit_status(record)
    warnings = len(findings(record).get("warning", ()))
    if status == 0 and warnings:
        return f"no claim is refuted, with {warnings} warning{'s' if warnings != 1 else ''} of bias"
    return EXIT_MEANING[status]


def headline(record: Record) -> str:
    """Summarise a run in one line."""
    found = findings(record)
    phrases: Mapping[Attention, tuple[str, str]] = {
        "refuted": ("claim refuted", "claims refuted"),
        "failed": ("check failed", "checks failed"),
        "not run": ("cell could not be run", "cells could not be run"),
        "inconclusive": ("check inconclusive", "checks inconclusive"),
        "warning": ("warning", "warnings"),
    }
    parts = [f"{len(several)} {phrases[kind][len(several) != 1]}" for kind, several in found.items()]
    if not set(found) & {"refuted", "failed", "not run"}:
        good = "no claim refuted" if set(found) & {"inconclusive", "warning"} else "every claim holds"
        if judges(record):
            parts.insert(0, good)
        elif not record.studies:
            parts.insert(0, "nothing was checked")
    phrases_of_studies = [_study_phrase(study, measured=not judges(record)) for study in record.studies]
    incomplete = "" if record.run.complete else "the run is incomplete"
    return "; ".join(filter(None, (", ".join(parts), *phrases_of_studies, incomplete)))


def outcome_counts(record: Record) -> dict[str, Counter[str]]:
    """Count how often each outcome occurred, per check."""
    counts: dict[str, Counter[str]] = {}
    for each in answers(record):
        counts.setdefault(each.check.check, Counter())[each.check.outcome] += 1
    return counts


def count_words(counts: Counter[str]) -> str:
    """Write outcomes with their counts, the most frequent first.

    Example:
        >>> count_words(Counter(["unbiased", "biased", "unbiased"]))
        '2 unbiased, 1 biased'
    """
    # An attribution's outcome may itself be a list of sites.
    separator = "; " if any("," in outcome for outcome in counts) else ", "
    return separator.join(f"{count(times)} {outcome}" for outcome, times in counts.most_common())


def family_of(cell: Cell) -> str:
    """Return the family of a cell's problem: the declared one, or the problem's key up to its size."""
    declared = cell.facts.get("family")
    return str(declared) if declared else cell.problem.split("/")[0].split(":")[0]


def grid(record: Record) -> Grid:
    """Count the bias outcomes per estimator and family."""
    counts: dict[tuple[str, str], Counter[tuple[CellWord, bool]]] = {}
    estimators: dict[str, None] = {}
    families: dict[str, None] = {}
    for cell in record.cells:
        if cell.estimator == REFERENCES:
            continue
        family = family_of(cell)
        estimators.setdefault(cell.estimator)
        families.setdefault(family)
        bias = cell.find("bias")
        refuted = bias is not None and bias.claim == "refuted"
        counts.setdefault((cell.estimator, family), Counter())[cell.word, refuted] += 1
    return Grid(estimators=tuple(estimators), families=tuple(families), counts=counts)


def _study_phrase(study: Study, *, measured: bool) -> str:
    """Summarise a study in one phrase: how many of its statements hold, or that it was `measured` if it makes none."""
    counts = Counter(statement.outcome for statement in study.statements)
    words: Mapping[StatementOutcome, tuple[str, str]] = {
        "holds": ("statement holds", "statements hold"),
        "fails": ("fails", "fail"),
        "open": ("is open", "are open"),
    }
    parts = [f"{counts[outcome]} {words[outcome][counts[outcome] != 1]}" for outcome in words if counts[outcome]]
    if parts:
        return f"{study.title} ({', '.join(parts)})"
    return f"{study.title} (measured)" if measured else ""


def _end(cell: Cell) -> tuple[Check, ...]:
    explained: tuple[Kind, ...] = ("refuted", "failed") if cell.status == "failed" else ("not run",)
    if cell.status == "ok" or any(kind_of(cell, check) in explained for check in cell.checks):
        return ()
    return (Check(check="run", outcome=cell.status, note=_note(cell)),)


def _note(cell: Cell) -> str:
    own = getattr(cell, "note", "") or cell.facts.get("note", "")
    return str(own) or next((check.note for check in cell.checks if check.note), "no reason was recorded")


def _exponent(family: Family) -> tuple[Cell, Check]:
    check = Check(
        check="variance exponent",
        outcome=family.outcome,
        claim=family.claim,
        estimate=family.exponent,
        interval=family.interval,
        note=family.note,
    )
    return Cell(estimator=family.estimator, problem=family.family, status="ok", checks=(check,)), check
