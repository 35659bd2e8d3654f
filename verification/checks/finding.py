"""The finding of a structural check."""

from __future__ import annotations

from dataclasses import dataclass

from ..verdicts import ConformanceOutcome, ConformanceReason

__all__ = ["Conformance"]


@dataclass(frozen=True)
class Conformance:
    """The finding of the structural checks.

    Attributes:
        outcome: ``pass``, ``failed``, ``no-gradient`` or ``not-applicable``.
        reason: The check that failed, e.g. ``shape``, ``rows not isolated``; empty where all passed.
        note: One sentence for a reader.
    """

    outcome: ConformanceOutcome
    reason: ConformanceReason = ""
    note: str = ""
