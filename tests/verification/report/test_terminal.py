"""The summary on a terminal: plain or styled, within its width, only what needs attention."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from gradverify.verification.record.record import Check, Record
from gradverify.verification.report import render


def test_begins_with_the_verdict_and_ends_with_the_exit_status(record: Record) -> None:
    lines = render(record, 100).splitlines()
    assert lines[0].startswith("4 claims refuted, 1 check failed")
    assert lines[-1] == "Exit status 1: a claim is refuted, or a check failed."


def test_lists_only_what_needs_attention(record: Record) -> None:
    text = render(record, 100)
    assert "score_function_baseline on random_walk:20/exit/p: biased: rescaled by " in text
    assert "reinmax on random_walk:100/square/p" not in text
    assert text.index("Claims refuted") < text.index("Could not be run") < text.index("Inconclusive")


@pytest.mark.parametrize("width", [60, 80, 140])
def test_keeps_to_its_width_except_commands(record: Record, width: int) -> None:
    for line in render(record, width).splitlines():
        assert len(line) <= width or line.startswith("    gradverify"), line


def test_a_word_longer_than_a_line_is_broken(small_record: Callable[..., Record]) -> None:
    record = small_record(Check(check="bias", outcome="failed", note="x" * 300))
    assert max(map(len, render(record, 60).splitlines())) <= 60


def test_counts_what_it_does_not_list(small_record: Callable[..., Record]) -> None:
    checks = [Check(check="bias", outcome="biased", claim="refuted")] * 25
    assert "and 5 more, listed in the report" in render(small_record(*checks))


def test_plain_text_has_no_escapes_and_styled_text_has_the_same_words(record: Record) -> None:
    plain, styled = render(record, 100), render(record, 100, styled=True)
    assert "\x1b" not in plain
    assert "\x1b[" in styled
    bare = re.sub(r"\x1b\[[0-9;]*m", "", styled)
    assert [line.rstrip() for line in bare.splitlines()] == plain.splitlines()


def test_a_note_cannot_send_escapes_to_the_terminal(small_record: Callable[..., Record]) -> None:
    record = small_record(Check(check="bias", outcome="failed", note="red \x1b[31malert\x07"))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", render(record))


def test_plain_text_needs_neither_rich_nor_torch() -> None:
    program = (
        "import sys\n"
        "import gradverify.verification.report\n"
        "print([name for name in ('rich', 'torch', 'matplotlib', 'jinja2', 'jsonschema') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_many_cells_are_counted_alone(record: Record) -> None:
    assert "; variance " not in render(record, 200)
