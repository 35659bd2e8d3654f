"""Undecided answers: their reasons in words, and the rows that would decide."""

from __future__ import annotations

from collections.abc import Callable

from gradverify.verification.record.record import Check, Record
from gradverify.verification.report import render
from gradverify.verification.report.markdown import to_markdown
from gradverify.verification.report.undecided import undecided_line


def test_what_is_undecided_is_said_with_what_would_decide_it(small_record: Callable[..., Record]) -> None:
    def bias(reason: str, rows: int | None) -> Check:
        return Check(check="bias", outcome="inconclusive", details={"reason": reason, "rows_needed": rows})

    record = small_record(bias("budget", 20_000), bias("budget", 157_000), bias("tail", None))
    said = undecided_line(record)
    assert said.startswith(
        "Inconclusive: bias (3). More rows would decide 2 of these (up to 157,000 rows a cell). "
        "The reason for 1 is tail: a few rows make up"
    )
    assert " ".join(render(record, 80).split()).count(said) == 1
    assert said in to_markdown(record)
    sized = Check(check="bias", outcome="biased", claim="inconclusive", details={"material": "undetermined"})
    assert "The reason for 1 is size: there is a bias, and these rows do not tell" in undecided_line(small_record(sized))
    assert undecided_line(small_record(Check(check="bias", outcome="unbiased"))) == ""


def test_an_infinite_interval_reads_as_a_sentence(small_record: Callable[..., Record]) -> None:
    check = Check(check="bias", outcome="inconclusive", detectable=float("inf"), details={"reason": "tail"})
    text = " ".join(render(small_record(check), 200).split())
    assert "one on toy:1/square/p: bias inconclusive (tail); no bias of any size could have been seen" in text
