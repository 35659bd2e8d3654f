"""The growth of the variance: every exponent of a record, and the quality of its fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..record.record import Family, Record
from ..verdicts import FamilyOutcome
from .quantities import MISSING, clip, number, span

__all__ = ["COLUMNS", "FITS", "exponent_rows", "fits"]

FITS: Mapping[FamilyOutcome, str] = {
    "fitted": "one power describes the measured sizes",
    "poor fit": "no single power does (chi-square, p < 0.01), for instance because the growth still bends; the exponent then "
    "depends on the range of sizes, and its interval is widened by the misfit",
    "too few points": "fewer than three sizes have a variance that can be trusted",
}
"""The outcomes of a fit, explained."""

_LONGEST = {"name": 160, "note": 400}


COLUMNS: Mapping[str, Callable[[Family], str]] = {
    "estimator": lambda family: clip(family.estimator, _LONGEST["name"]),
    "family": lambda family: clip(family.family, _LONGEST["name"]),
    "exponent": lambda family: number(family.exponent),
    "95 % interval": lambda family: span(family.interval),
    "fit": lambda family: family.outcome,
    "claim": lambda family: family.claim,
    "note": lambda family: clip(family.note, _LONGEST["note"]) or MISSING,
}
"""The table of exponents: the heading of a column and the text of its cells."""


def exponent_rows(record: Record) -> list[tuple[str, ...]]:
    """Return one row of `COLUMNS` for every estimator and family."""
    return [tuple(text(family) for text in COLUMNS.values()) for family in record.families]


def fits(record: Record) -> str:
    """Explain those words of the column `fit` that occur."""
    present = {family.outcome for family in record.families}
    explanation = "; ".join(f"{word}: {meaning}" for word, meaning in FITS.items() if word in present)
    capital = explanation[:1].upper() + explanation[1:]
    return f"The exponent is the slope of ln variance on ln size. {capital}." if explanation else ""
