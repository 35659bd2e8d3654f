"""The files: failures first, every survivor named, the same bytes every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from gradverify.verification.selftest.rendering import to_markdown
from gradverify.verification.selftest.selftest_record import SelfTest
from gradverify.verification.selftest.writing import write_selftest


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


def test_every_file_is_written_and_reproducible(selftest: SelfTest, tmp_path: Path) -> None:
    lost = replace(selftest.kills[0], mutant="other", outcome="survived", check="", size=None)
    full = replace(selftest, kills=(selftest.kills[0], lost))
    written = [write_selftest(full, tmp_path / name) for name in "ab"]
    assert [path.name for path in written[0]] == ["selftest.json", "selftest.md", "selftest.svg", "selftest.png"]
    assert [path.read_bytes() for path in written[0]] == [path.read_bytes() for path in written[1]]
    ElementTree.fromstring(written[0][2].read_bytes())
    assert "survived (1)" in written[0][2].read_text()
