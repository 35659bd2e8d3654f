"""The files: failures first, every survivor named, the same bytes every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from gradverify.verification.selftest.selftest_record import SelfTest
from gradverify.verification.selftest.writing import write_selftest


def test_every_file_is_written_and_reproducible(selftest: SelfTest, tmp_path: Path) -> None:
    lost = replace(selftest.kills[0], mutant="other", outcome="survived", check="", size=None)
    full = replace(selftest, kills=(selftest.kills[0], lost))
    written = [write_selftest(full, tmp_path / name) for name in "ab"]
    assert [path.name for path in written[0]] == ["selftest.json", "selftest.md", "selftest.svg", "selftest.png"]
    assert [path.read_bytes() for path in written[0]] == [path.read_bytes() for path in written[1]]
    ElementTree.fromstring(written[0][2].read_bytes())
    assert "survived (1)" in written[0][2].read_text()
