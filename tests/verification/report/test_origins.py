"""Origins of biases, in every form of the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gradverify.verification.record.record import Check, Record
from gradverify.verification.report import render, write_reports
from gradverify.verification.report.markdown import to_markdown


def test_where_a_bias_enters_stands_in_every_form(small_record: Callable[..., Record], tmp_path: Path) -> None:
    note = "The bias enters at site 3 of 7: site 3 alone brings 1.25."
    found = Check(check="attribution", outcome="site 3", note=note)
    record = small_record(Check(check="bias", outcome="biased", claim="supported"), found)
    write_reports(record, tmp_path)
    for text in (render(record, 80), to_markdown(record), (tmp_path / "report.html").read_text(encoding="utf-8")):
        assert "Where biases enter" in text
        assert note in " ".join(text.split())
    plain = small_record(Check(check="bias", outcome="biased", claim="supported"))
    assert "Where biases enter" not in render(plain) + to_markdown(plain)
