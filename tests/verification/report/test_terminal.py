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
    assert "score_function_baseline on random_walk:20/exit/p: biased; " in text
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


def test_few_cells_are_told_with_their_numbers(small_record: Callable[..., Record]) -> None:
    bias = Check(check="bias", outcome="biased", estimate=-1.25, interval=(-1.5, -1.0), relative=-0.125, num_samples=2000,
                 details={"material": "negligible"})  # fmt: skip
    text = " ".join(render(small_record(bias, Check(check="variance", outcome="measured", estimate=67.53)), 200).split())
    assert "biased; bias -1.25 in [-1.5, -1]; -12.5 % of the gradient; negligible; 2,000 rows; variance 67.5" in text


def test_what_does_not_apply_is_told_with_its_reason(small_record: Callable[..., Record]) -> None:
    refused = Check(check="bias", outcome="not-applicable", note="not applicable: it needs bits")
    assert "not-applicable; it needs bits" in render(small_record(refused), 200)


def test_many_cells_are_counted_alone(record: Record) -> None:
    assert "; variance " not in render(record, 200)


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
