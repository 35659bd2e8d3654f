"""Exponents: one row for every fit, and an explanation of the words that occur."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from gradverify.verification.record.record import Family, Record
from gradverify.verification.report.exponents import COLUMNS, exponent_rows, fits

FITTED = Family(estimator="e", family="walk/square/p", exponent=2.0, interval=(1.5, 2.5), outcome="fitted", claim="supported")
FEW = Family(estimator="f", family="walk/square/p", exponent=None, interval=None, outcome="too few points", note="two sizes")


def test_rows_have_a_cell_for_every_heading(small_record: Callable[..., Record]) -> None:
    record = dataclasses.replace(small_record(), families=(FITTED, FEW))
    assert tuple(COLUMNS) == ("estimator", "family", "exponent", "95 % interval", "fit", "claim", "note")
    assert exponent_rows(record) == [
        ("e", "walk/square/p", "2", "[1.5, 2.5]", "fitted", "supported", "–"),
        ("f", "walk/square/p", "–", "–", "too few points", "none", "two sizes"),
    ]


def test_only_words_that_occur_are_explained(small_record: Callable[..., Record]) -> None:
    record = dataclasses.replace(small_record(), families=(FEW,))
    assert "Too few points: fewer than three sizes" in fits(record)
    assert "poor fit" not in fits(record)
    assert fits(small_record()) == ""
