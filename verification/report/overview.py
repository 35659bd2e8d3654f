"""What a reader needs first: what is wrong, what is undecided, and how often each outcome occurred.

Everything here is selection, order and counting of what the record says; no verdict is formed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..record.record import Cell, Check, Family, Record
from ..record.study import Study

__all__ = [
    "EXIT_MEANING",
    "KINDS",
    "REFERENCES",
    "REPEATED",
    "Finding",
    "Grid",
    "answers",
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

KINDS: Mapping[str, str] = {
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
    130: "the run was stopped before its end, and what is finished is written",
}

REFERENCES = "references"
"""What the cells of the references are entered under."""

REPEATED = "repeated"
"""The kind of an answer that stands in the record for completeness, and is another's over again."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One answer and where it stands.

    Attributes:
        kind: A key of `KINDS`; `REPEATED` where another check of the cell says the same; empty where nothing needs attention.
        cell: Where it was found.
        check: The answer.
    """

    kind: str
    cell: Cell
    check: Check


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Bias outcomes counted per (estimator, family of problems)."""

    estimators: tuple[str, ...]
    families: tuple[str, ...]
    counts: Mapping[tuple[str, str], Counter[str]]


def answers(record: Record) -> Iterator[Finding]:
    """Every answer of a record in its order: each cell's checks, its end where it did not end well, each exponent."""
    for cell in record.cells:
        for check in (*cell.checks, *_end(cell)):
            yield Finding(kind=kind_of(cell, check), cell=cell, check=check)
    for family in record.families:
        cell, check = _exponent(family)
        yield Finding(kind=kind_of(cell, check), cell=cell, check=check)


def findings(record: Record) -> dict[str, list[Finding]]:
    """What needs attention, by kind, the gravest kind first; kinds that do not occur are left out."""
    found: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
    for each in answers(record):
        if each.kind in found:
            found[each.kind].append(each)
    return {kind: several for kind, several in found.items() if several}


def kind_of(cell: Cell, check: Check) -> str:
    """Which kind of attention an answer needs, or the empty string."""
    kind = _kind(cell, check)
    first = cell.find("conformance")
    # A bias is not measured where conformance failed: its check bears the same outcome with the same note.
    again = check.check == "bias" and first is not None and (first.outcome, first.note) == (check.outcome, check.note)
    return REPEATED if kind and again else kind


def _kind(cell: Cell, check: Check) -> str:
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
    return "warning" if negligible and cell.claims.get("here", cell.claims.get("bias")) == "unbiased" else ""


def exit_status(record: Record) -> int:
    """The command's exit status for this record: 130 if it was stopped, else 2 before 1 before 4 before 3 before 0.

    2 is for what could not be used: a target beside others, whose cells say what to do; alone it never became a record.
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
    """Whether anything is held to a claim in this record, so that its tolerance and its error rate mean something."""
    return bool(record.cells or record.families)


def meaning(record: Record) -> str:
    """What the exit status says of this record."""
    if record.run.complete and record.studies and not judges(record):
        return "everything that was asked for was measured; statements are findings and change no exit status"
    return EXIT_MEANING[exit_status(record)]


def headline(record: Record) -> str:
    """The run in one line."""
    found = findings(record)
    phrases = {
        "refuted": ("claim refuted", "claims refuted"),
        "failed": ("check failed", "checks failed"),
        "not run": ("cell could not be run", "cells could not be run"),
        "inconclusive": ("inconclusive", "inconclusive"),
        "warning": ("warning", "warnings"),
    }
    parts = [f"{len(several)} {phrases[kind][len(several) != 1]}" for kind, several in found.items()]
    if not set(found) & {"refuted", "failed", "not run"}:
        good = "nothing refuted" if "inconclusive" in found else "every claim holds"
        if judges(record):
            parts.insert(0, good)
        elif not record.studies:
            parts.insert(0, "nothing was checked")
    parts += [each for study in record.studies for each in _statements(study)]
    if not record.run.complete:
        parts.append("the run is incomplete")
    return ", ".join(parts)


def outcome_counts(record: Record) -> dict[str, Counter[str]]:
    """How often each outcome occurred, per check."""
    counts: dict[str, Counter[str]] = {}
    for each in answers(record):
        counts.setdefault(each.check.check, Counter())[each.check.outcome] += 1
    return counts


def family_of(cell: Cell) -> str:
    """The family of a cell's problem: declared, or the key up to its size."""
    declared = cell.facts.get("family")
    return str(declared) if declared else cell.problem.split("/")[0].split(":")[0]


def grid(record: Record) -> Grid:
    """Bias outcomes per estimator and family; a word with ``!`` is a refuted claim."""
    counts: dict[tuple[str, str], Counter[str]] = {}
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
        counts.setdefault((cell.estimator, family), Counter())[cell.word + "!" * refuted] += 1
    return Grid(estimators=tuple(estimators), families=tuple(families), counts=counts)


def _statements(study: Study) -> list[str]:
    """A study in one phrase: how many of its statements hold."""
    counts = Counter(str(each.outcome) for each in study.statements)
    words = {"holds": ("statement holds", "statements hold"), "fails": ("fails", "fail"), "open": ("is open", "are open")}
    found = [f"{counts[outcome]} {words[outcome][counts[outcome] != 1]}" for outcome in words if counts[outcome]]
    return [f"{study.title}: {', '.join(found)}"] if found else [f"{study.title} measured"]


def _end(cell: Cell) -> tuple[Check, ...]:
    wanted = ("refuted", "failed") if cell.status == "failed" else ("not run",)
    if cell.status == "ok" or any(kind_of(cell, check) in wanted for check in cell.checks):
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
