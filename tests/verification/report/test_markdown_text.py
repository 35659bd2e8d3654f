"""Markdown text: escapes, tables and a size limit that names what it leaves out."""

from __future__ import annotations

from gradverify.verification.report.markdown_text import code, escape, table, within


def test_escaped_text_is_one_line_without_markup() -> None:
    assert escape("a|b\n<i>*c*") == "a\\|b &lt;i&gt;\\*c\\*"


def test_a_fence_is_longer_than_the_backticks_inside() -> None:
    assert code("a`b") == "``a`b``"
    assert code("`a") == "`` `a ``"
    assert code("") == ""


def test_a_table_counts_the_rows_that_do_not_fit() -> None:
    lines = table(("x",), [["1"], ["2"], ["3"]], share=12)
    assert lines == ["| x |", "| --- |", "| 1 |", "| 2 |", "", "Lines left out here: 1; report.html and report.json hold them."]


def test_lines_that_fit_are_left_alone() -> None:
    assert within(["é", "b"], share=5) == ["é", "b"]
