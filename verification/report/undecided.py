"""What was not decided: why, in words, and how many rows would decide it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..record.record import Record
from .overview import Finding, findings
from .quantities import count, finite

__all__ = ["undecided_line"]

_REASONS: Mapping[str, str] = {
    "budget": "the rows allowed do not tell; a slower profile draws more",
    "gate": "outcomes are so rare that these rows may have missed them; a slower profile draws more",
    "tail": "a few rows make up most of the variance, which may be infinite: no interval can be given; more rows may help",
    "suspect": "an alarm that fresh rows neither confirmed nor cleared; more rows, and a close look at the estimator",
    "reference": "the reference is itself uncertain, or rests on an assumption; an exact gradient of the problem would decide",
    "degenerate": "the gradient is too near zero for a tolerance relative to it; a scale declared by the problem would decide",
    "size": "a bias was found, and these rows do not tell whether it is beyond the tolerance; a slower profile draws more",
    "time": "the time budget ended the cell; a larger budget would go on",
    "interrupted": "the run was stopped before it was decided",
}
"""Why an answer is inconclusive, and what to do."""


def undecided_line(record: Record) -> str:
    """What is inconclusive in a record and what would decide it, in one sentence; empty where all is decided."""
    several = findings(record).get("inconclusive", [])
    if not several:
        return ""
    needed = [rows for each in several if finite(rows := each.check.details.get("rows_needed"))]
    parts = [f"more rows would decide {count(len(needed))} (up to {count(max(needed))} a cell)"] if needed else []
    others = Counter(_reason(each) for each in several if not finite(each.check.details.get("rows_needed")))
    parts += [f"{count(n)} {reason}{_words(reason)}" for reason, n in others.most_common() if reason]
    checks = Counter(each.check.check.replace("_", " ") for each in several)
    return "; ".join(["Inconclusive: " + ", ".join(f"{check} ({count(n)})" for check, n in checks.items()), *parts]) + "."


def _words(reason: str) -> str:
    return f": {_REASONS[reason]}" if reason in _REASONS else ""


def _reason(finding: Finding) -> str:
    check = finding.check
    return "size" if check.outcome == "biased" else str(check.details.get("reason") or "")
