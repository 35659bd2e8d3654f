"""Markdown: failures first, tables that hold, and a size that a step summary takes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gradverify.verification.record.record import Cell, Check, Record
from gradverify.verification.report.markdown import to_markdown
from gradverify.verification.report.markdown_text import SIZE_LIMIT


def test_failures_first_then_what_is_open_then_the_table(record: Record) -> None:
    text = to_markdown(record)
    heads = ["## Claims refuted", "## Failed", "## Could not be run", "## Inconclusive", "## Outcomes", "## Bias, by"]
    places = [text.index(head) for head in heads]
    assert places == sorted(places)
    assert text.startswith("# gradverify: 4 claims refuted, 1 check failed, 2 cells could not be run")
    assert "Exit status 1" in text.split("##")[0]


def test_every_table_row_has_as_many_cells_as_its_head(record: Record) -> None:
    width = 0
    for line in to_markdown(record).splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        if cells and width:
            assert cells == width, line
        width = cells


def test_pipes_and_markup_in_names_are_escaped(record: Record) -> None:
    tables = [line for line in to_markdown(record).splitlines() if line.startswith("|")]
    named = [line for line in tables if "script" in line]
    assert named
    for line in named:
        assert "a\\|b &lt;script&gt;" in line
        assert "<" not in line


def test_a_command_with_backticks_keeps_its_code_span(record: Record) -> None:
    line = next(line for line in to_markdown(record).splitlines() if line.startswith("- ") and "script" in line)
    assert line.startswith("- ``gradverify")
    assert line.endswith("``")


def test_five_thousand_cells_stay_under_one_mebibyte(full_record: Callable[..., Record]) -> None:
    text = to_markdown(full_record(50, 100))
    assert len(text.encode()) < SIZE_LIMIT
    assert "## Bias, by estimator" in text


@pytest.mark.parametrize(("outcome", "claim"), [("biased", "refuted"), ("failed", "none"), ("inconclusive", "inconclusive")])
def test_size_holds_when_everything_fails_at_length(small_record: Callable[..., Record], outcome: str, claim: str) -> None:
    check = Check(check="bias", outcome=outcome, claim=claim, note="|" * 5000, reference="é" * 500)
    cells = tuple(
        Cell(estimator=f"{n}" + "猫" * 300, problem=f"{n}" * 80, status="ok", checks=(check,), replay="`" * 2000)
        for n in range(2000)
    )
    text = to_markdown(dataclasses.replace(small_record(), cells=cells))
    assert len(text.encode()) < SIZE_LIMIT
    assert "Lines left out here: " in text


def test_says_that_a_run_was_cut_short(small_record: Callable[..., Record]) -> None:
    text = to_markdown(small_record(complete=False, time_truncated=True))
    assert "the run is incomplete" in text
    assert "time budget ended this run" in text


def test_the_words_for_a_fit_are_explained(record: Record, written: Path) -> None:
    page = (written / "report.html").read_text(encoding="utf-8")
    for text in (to_markdown(record), page):
        section = text[text.rindex("How the variance grows") - 2000 :]
        assert "oor fit" in section
        assert "no single power does" in section
        assert "fewer than three sizes" in section
    assert 'id="exponents"' in page
