"""The self-test as Markdown: failures first, and every survivor named."""

from __future__ import annotations

from dataclasses import replace

from gradverify.verification.selftest.rendering import to_markdown
from gradverify.verification.selftest.selftest_record import SelfTest


def test_markdown_of_a_good_run(selftest: SelfTest) -> None:
    text = to_markdown(selftest)
    assert "Every promise was kept." in text
    assert "1 of 1 planted bugs found" in text
    assert "Survivors" not in text
    for line in text.splitlines():
        if line.startswith("| scale 1.01"):
            assert line.count(" | ") == 9


def test_markdown_names_failures_before_anything_else(selftest: SelfTest) -> None:
    lost = replace(selftest.kills[0], outcome="survived", check="", reason="unbiased | no check failed")
    text = to_markdown(replace(selftest, kills=(lost,)))
    assert text.index("1 promises were not kept") < text.index("Survivors") < text.index("## False alarms")
    assert "unbiased \\| no check failed" in text
