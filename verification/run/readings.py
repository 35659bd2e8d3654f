"""Verdicts on programs that detach values: under which reading they hold, and none while the author has not said which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..problems.problem import DetachedReading
from ..record.record import Cell, Check
from ..truth.finite_differences import FINITE_DIFFERENCE
from ..truth.likelihood_ratio import LIKELIHOOD_RATIO
from ..truth.reference import Reference
from ..truth.stop_gradients import ask_about_detaches
from ..verdicts import Claim, ReferencesOutcome

__all__ = ["DETACHED", "explain_disagreement", "open_question", "read_under", "suspend"]

DETACHED = "detached"
"""The reason of a comparison of references that is open because a program detaches values."""

_DECIDED = ("unbiased", "biased", "inconclusive")
"""The outcomes that rest on the reference."""

_READINGS: Mapping[str, DetachedReading] = {FINITE_DIFFERENCE: "differentiate", LIKELIHOOD_RATIO: "hold"}


def explain_disagreement(kind: str, reference: Reference) -> ReferencesOutcome:
    """Return the outcome of a sampled reference that differs from the deciding one, given what the program detaches.

    Differences go through detached values, and likelihood ratios hold them; so the two may differ and both be right.

    Args:
        kind: The sampled reference.
        reference: The deciding one.

    Returns:
        ``disagree`` if detached values explain nothing, ``not compared`` if the two read them otherwise, and ``inconclusive``
        if the author has not said how they are read.
    """
    if not (reference.detaches or reference.question or reference.reading):
        return "disagree"
    if reference.question or reference.detached is None:
        return "not compared" if reference.question else "inconclusive"
    return "disagree" if _READINGS[kind] == reference.detached else "not compared"


def open_question(reference: Reference, compared: Check) -> str:
    """Return the question that must be answered before a verdict can rest on a reference; empty if there is none.

    A sampled reference shows what a program hides by a finite difference that disagrees. The program's detaches explain it.
    """
    if reference.question:
        return reference.question
    values: list[Mapping[str, Any]] = compared.details.get("values", [])
    asked = any(each.get("reason") == DETACHED for each in values)
    return ask_about_detaches(reference.detaches) if asked else ""


def suspend(cell: Cell, question: str) -> Cell:
    """Return a cell whose bias is not decided, because it is not known which gradient is meant; it refutes nothing."""
    return replace(cell, checks=tuple(_suspend_check(check, question) for check in cell.checks))


def rare_condition(reference: Reference, p_gate: float) -> str:
    """Return the condition under which a verdict holds while nobody knows how rare an event may matter; empty if one knows.

    Args:
        reference: The deciding reference.
        p_gate: The probability of the rarest event that the rows were sure to show.
    """
    if reference.gate_known:
        return ""
    return f"provided that no event rarer than {p_gate:.2g} matters (Problem(rarest=...) says so)"


def read_under(cell: Cell, reading: str, condition: str = "", gate: str = "") -> Cell:
    """Return a cell whose verdict says how detached values are read, on which condition it holds, and what its gate left out.

    Args:
        cell: The cell.
        reading: A sentence on detached values, or nothing.
        condition: The condition of a verdict, or nothing.
        gate: A sentence on rare outcomes that the gate left out, or nothing.
    """
    return replace(cell, checks=tuple(_add_words(check, reading, condition, gate) for check in cell.checks))


def _add_words(check: Check, reading: str, condition: str, gate: str) -> Check:
    if check.check != "bias":
        return check
    words = (check.note, reading, condition if check.outcome in ("unbiased", "biased") else "", gate)
    return replace(check, note="; ".join(filter(None, words)))


def _suspend_check(check: Check, question: str) -> Check:
    if check.check != "bias" or check.outcome not in _DECIDED:
        return check
    claim: Claim = "none" if check.claim == "none" else "inconclusive"
    details = {**check.details, "reason": "reference", "material": ""}
    return replace(check, outcome="inconclusive", claim=claim, note=question, details=details)
