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
        overflow: A sentence on rows that a check saw hold NaN or infinity and left to the rows of the run; it fails the cell if
            the run meets none.
    """

    outcome: ConformanceOutcome
    reason: ConformanceReason = ""
    note: str = ""
    overflow: str = ""
