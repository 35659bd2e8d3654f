"""Cells and checks in words that read as English."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gradverify.verification.record.record import Check, Record
from gradverify.verification.report import render
from gradverify.verification.report.cell_words import answer
from gradverify.verification.verdicts import Outcome

OFF = {
    "kind": "turned",
    "relative_error": {"estimate": 0.186, "interval": (0.186, 0.186)},
    "angle": {"estimate": 31.0, "interval": (31.0, 31.0)},
}


def test_few_cells_are_told_with_their_numbers(small_record: Callable[..., Record]) -> None:
    figures = {
        "relative_error": {"estimate": 0.05, "interval": (0.04, 0.06)},
        "scale": {"estimate": 0.95, "interval": (0.9, 1)},
    }
    bias = Check(check="bias", outcome="biased", estimate=-1.25, interval=(-1.5, -1.0), num_samples=2000,
                 details={"material": "negligible", "kind": "rescaled", **figures})  # fmt: skip
    text = " ".join(render(small_record(bias, Check(check="variance", outcome="measured", estimate=67.53)), 200).split())
    assert "biased: rescaled by 0.95; relative error 5 % (4 % to 6 %); scale 0.95 in [0.9, 1]; negligible; 2,000 rows" in text
    assert "variance 67.5" in text


def test_what_does_not_apply_is_told_with_its_reason(small_record: Callable[..., Record]) -> None:
    refused = Check(check="bias", outcome="not-applicable", note="not applicable: it needs bits")
    assert "not-applicable; it needs bits" in render(small_record(refused), 200)


def test_exact_mode_says_exactly(small_record: Callable[..., Record]) -> None:
    """The rest of an exactly computed bias is rounding, and an exact bias has no interval."""
    exact = {"reason": "exact", "r": 4.75e-16}
    sound = Check(check="bias", outcome="unbiased", estimate=-5e-17, interval=(-5e-17, -5e-17), details=exact)
    wrong = Check(check="bias", outcome="biased", estimate=-1.3, interval=(-1.3, -1.3), details=exact | OFF)
    measured = Check(check="variance", outcome="exact", estimate=67.7)
    assert "on toy:1/square/p: exactly unbiased; variance 67.7\n" in render(small_record(sound, measured), 200)
    assert (
        "on toy:1/square/p: exactly biased: turned by 31 degrees; relative error 18.6 %; angle 31 in [31, 31] degrees; "
        "variance 67.7\n"
    ) in render(small_record(wrong, measured), 200)


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
