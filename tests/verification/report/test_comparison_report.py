"""A comparison in Markdown and in text: regressions first, nothing too long, nothing that a name could break."""

from __future__ import annotations

import re
from dataclasses import replace

from gradverify.verification.comparison.change import Change
from gradverify.verification.comparison.compare import Comparison, compare
from gradverify.verification.report.comparison_report import comparison_markdown, comparison_text
from gradverify.verification.report.markdown_text import SIZE_LIMIT

from ..comparison.simulated_records import LAWS, record, simulated


def comparison() -> Comparison:
    base = [simulated(name, LAWS["normal"], 0) for name in ("calm", "wild", "sound")]
    head = [
        simulated("calm", LAWS["normal"], 1, factor=0.5),
        simulated("wild", LAWS["normal"], 1, factor=2.0),
        simulated("sound", LAWS["normal"], 1),
        simulated("young", LAWS["normal"], 1),
    ]
    return compare(record(base), record(head, seed=1, device="cuda"))


def test_regressions_come_first_and_all_figures_stand_there() -> None:
    said = comparison_markdown(comparison())
    titles = re.findall(r"(?:### |<summary>)(\w[\w ]*) \(\d+\)", said)
    assert titles == ["Worse", "New", "Better"]
    assert said.startswith("## gradverify: something is worse (1 worse, 1 new, 1 better)\n")
    (row,) = [each for each in said.splitlines() if each.startswith("| wild | one | variance")]
    assert re.search(r"\| variance \| 2\d\.\d+ \| \d+\.?\d* \| \+\d+ % \| \\\[\+\d+ %, \+\d+ %\\\] \| &lt; 1e-300 \| ", row)
    assert "- the records differ in device: cpu and cuda" in said
    assert "share an error rate of 0.001 (Holm)" in said
    assert "rows a side" in said


def test_text_says_the_same() -> None:
    said = comparison_text(comparison())
    assert said.startswith("something is worse (1 worse, 1 new, 1 better).\n")
    assert re.search(
        r"\nWorse \(1\)\n  wild on one: variance [\d.]+ -> [\d.]+ \(\+\d+ %, 95 % interval \[.*\], p < 1e-300\); unpaired\n",
        said,
    )
    assert "Exit status 1: something is worse." in said


def test_equal_records_say_so() -> None:
    same = record([simulated("calm", LAWS["normal"], 0)])
    said = comparison_markdown(compare(same, same))
    assert "Both records hold 1 cell, of which 1 is equal bit by bit" in said
    assert said.endswith("\nNo variance had to be tested.\n")
    assert "<details>" not in said


def test_names_break_no_table() -> None:
    nasty = replace(comparison(), changes=(_change("a|b<script>\n`c`"),))
    said = comparison_markdown(nasty)
    assert "a\\|b&lt;script&gt; \\`c\\`" in said
    assert "<script>" not in said


def test_any_number_of_changes_fits_a_step_summary() -> None:
    """The worse ones are kept: each section has a share of its own."""
    many = [
        _change(f"estimator {k} {'x' * 400}", direction)
        for direction in ("worse", "lost", "new", "better")
        for k in range(5000)
    ]
    said = comparison_markdown(replace(comparison(), changes=tuple(many)))
    assert len(said.encode()) < SIZE_LIMIT
    assert "### Worse (5,000)" in said
    assert said.index("estimator 0") < said.index("Lines left out here") < said.index("No longer known")


def test_text_counts_what_needs_no_attention_and_is_many() -> None:
    """Changes for the worse are all listed."""
    many = [_change(f"estimator {k}", direction) for direction, size in (("worse", 100), ("new", 1194)) for k in range(size)]
    worse, new = comparison_text(replace(comparison(), changes=tuple(many))).split("\nNew (1,194)\n")
    assert "estimator 99 on p" in worse
    assert "estimator 19 on p" in new
    assert "estimator 20 on p" not in new
    assert "\n  and 1,174 more, in the records\n" in new


def test_no_probability_is_zero() -> None:
    vanishing = replace(_change("wild"), p_value=0.0, interval=(0.1, 0.2), effect=0.15)
    found = replace(comparison(), changes=(vanishing,))
    assert "p < 1e-300)" in comparison_text(found)
    assert "| &lt; 1e-300 |" in comparison_markdown(found)
    likelier = replace(found, changes=(replace(vanishing, p_value=1e-299),))
    assert "p = 1e-299)" in comparison_text(likelier)


def _change(estimator: str, direction: str = "worse") -> Change:
    return Change(estimator=estimator, problem="p", quantity="variance", direction=direction, note="why " * 100)  # type: ignore[arg-type]
