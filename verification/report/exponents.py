"""How the variance grows: every exponent of a record, and what is said of how it was fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..record.record import Record
from .quantities import MISSING, clip, number, span

__all__ = ["COLUMNS", "FITS", "exponent_rows", "fits"]

COLUMNS = ("estimator", "family", "exponent", "95 % interval", "fit", "claim", "note")

FITS: Mapping[str, str] = {
    "fitted": "one power describes the sizes measured",
    "poor fit": "no single power does (chi-square, p < 0.01), as where the growth still bends: the exponent depends on the "
    "range of sizes, and its interval is widened by the misfit",
    "too few points": "fewer than three sizes have a variance that can be believed",
}
"""What may be said of a fit."""

_LONGEST = {"name": 160, "note": 400}


def exponent_rows(record: Record) -> Iterator[tuple[str, ...]]:
    """One row of `COLUMNS` for every estimator and family."""
    for each in record.families:
        yield (
            clip(each.estimator, _LONGEST["name"]),
            clip(each.family, _LONGEST["name"]),
            number(each.exponent),
            span(each.interval),
            each.outcome,
            each.claim,
            clip(each.note, _LONGEST["note"]) or MISSING,
        )


def fits(record: Record) -> str:
    """What the words of the column `fit` say, those that occur."""
    present = {each.outcome for each in record.families}
    said = "; ".join(f"{word}: {words}" for word, words in FITS.items() if word in present)
    return f"The exponent is the slope of ln variance on ln size. {said[:1].upper()}{said[1:]}." if said else ""
