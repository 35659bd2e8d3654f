"""Answers that were not decided: the reason in words, and how many rows would decide."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from ..record.record import Record
from .overview import Finding, findings
from .quantities import count, finite, number

__all__ = ["detectable_bias", "undecided_line"]

_REASONS: Mapping[str, str] = {
    "budget": "the rows allowed were too few; a slower profile draws more",
    "gate": "outcomes are so rare that these rows may have missed them; a slower profile draws more",
    "tail": "a few rows make up most of the variance, which may be infinite, so no interval can be given; more rows may help",
    "suspect": "fresh rows neither confirmed nor cleared an alarm; draw more rows, and look closely at the estimator",
    "reference": "the reference is itself uncertain or rests on an assumption; the problem's exact gradient would decide",
    "degenerate": "the gradient is too near zero for a relative tolerance; a scale that the problem declares would decide",
    "size": "there is a bias, and these rows do not tell whether it exceeds the tolerance; a slower profile draws more",
    "time": "the time budget ended the cell; a larger budget allows more rows",
    "interrupted": "the run was stopped before a decision",
}
"""The reasons for an inconclusive answer, each with what to do about it."""


def undecided_line(record: Record) -> str:
    """Say in a few sentences what is inconclusive in a record and what would decide it; empty if all is decided."""
    several = findings(record).get("inconclusive", [])
    if not several:
        return ""
    checks = Counter(finding.check.check.replace("_", " ") for finding in several)
    sentences = ["Inconclusive: " + ", ".join(f"{check} ({count(times)})" for check, times in checks.items())]
    needed = [rows for finding in several if finite(rows := finding.check.details.get("rows_needed"))]
    if needed:
        sentences.append(f"More rows would decide {count(len(needed))} of these (up to {count(max(needed))} rows a cell)")
    reasons = Counter(_reason(finding) for finding in several if not finite(finding.check.details.get("rows_needed")))
    sentences += [_because(reason, times) for reason, times in reasons.most_common() if reason]
    return ". ".join(sentences) + "."


def detectable_bias(detectable: float) -> str:
    """Say which bias a check would have seen with probability 0.9.

    Example:
        >>> detectable_bias(0.25), detectable_bias(float("inf"))
        ('a bias of 0.25 would have been seen', 'no bias of any size could have been seen')
    """
    if detectable == math.inf:
        return "no bias of any size could have been seen"
    return f"a bias of {number(detectable)} would have been seen"


def _because(reason: str, times: int) -> str:
    explanation = f": {_REASONS[reason]}" if reason in _REASONS else ""
    return f"The reason for {count(times)} is {reason}{explanation}"


def _reason(finding: Finding) -> str:
    check = finding.check
    return "size" if check.outcome == "biased" else str(check.details.get("reason") or "")
