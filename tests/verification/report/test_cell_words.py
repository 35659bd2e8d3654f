"""Cells and checks in words that read as English."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradverify.verification.record.record import Check, Record
from gradverify.verification.report import render
from gradverify.verification.report.cell_words import answer
from gradverify.verification.verdicts import Outcome


def test_few_cells_are_told_with_their_numbers(small_record: Callable[..., Record]) -> None:
    bias = Check(check="bias", outcome="biased", estimate=-1.25, interval=(-1.5, -1.0), relative=-0.125, num_samples=2000,
                 details={"material": "negligible"})  # fmt: skip
    text = " ".join(render(small_record(bias, Check(check="variance", outcome="measured", estimate=67.53)), 200).split())
    assert "biased; bias -1.25 in [-1.5, -1]; -12.5 % of the gradient; negligible; 2,000 rows; variance 67.5" in text


def test_what_does_not_apply_is_told_with_its_reason(small_record: Callable[..., Record]) -> None:
    refused = Check(check="bias", outcome="not-applicable", note="not applicable: it needs bits")
    assert "not-applicable; it needs bits" in render(small_record(refused), 200)


def test_exact_mode_says_exactly(small_record: Callable[..., Record]) -> None:
    """The rest of an exactly computed bias is rounding, and an exact bias has no interval."""
    exact = {"reason": "exact", "r": 4.75e-16}
    sound = Check(check="bias", outcome="unbiased", estimate=-5e-17, interval=(-5e-17, -5e-17), details=exact)
    wrong = Check(check="bias", outcome="biased", estimate=-1.3, interval=(-1.3, -1.3), relative=-0.186, details=exact)
    measured = Check(check="variance", outcome="exact", estimate=67.7)
    assert "on toy:1/square/p: exactly unbiased; variance 67.7\n" in render(small_record(sound, measured), 200)
    assert "on toy:1/square/p: exactly biased; bias -1.3; -18.6 % of the gradient; variance 67.7\n" in render(
        small_record(wrong, measured), 200
    )


@pytest.mark.parametrize(
    ("check", "outcome", "words"),
    [
        ("bias", "biased", "biased"),
        ("bias", "inconclusive", "bias inconclusive"),
        ("bias", "failed", "bias check failed"),
        ("bias", "no-gradient", "no gradient flows"),
        ("conformance", "failed", "conformance failed"),
        ("references", "disagree", "references disagree"),
        ("variance", "differs from exact", "variance differs from exact"),
        ("variance exponent", "poor fit", "variance exponent: poor fit"),
        ("run", "crashed", "crashed"),
        ("run", "timeout", "ran out of time"),
    ],
)
def test_a_check_and_its_outcome_read_as_english(check: str, outcome: Outcome, words: str) -> None:
    assert answer(Check(check=check, outcome=outcome)) == words
