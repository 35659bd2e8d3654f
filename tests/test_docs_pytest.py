"""The guide to the pytest plugin: every file that it shows runs, and every output is what it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from gradverify.verification import strategies  # noqa: F401

# What an inner run imports first it forgets again, with its classes: so everything that it uses is imported here.
from gradverify.verification.testing import (
    judgement,  # noqa: F401
)

pytest_plugins = ["pytester"]

GUIDE = (Path(__file__).parents[1] / "docs" / "pytest.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL))
OUTCOMES = {
    "test_mine.py": {"passed": 2},
    "test_clipped.py": {"failed": 1},
    "test_many.py": {"passed": 3},
    "test_property.py": {"passed": 1},
}


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    """The guide's files, as a reader has them."""
    for name, content in FILES.items():
        (pytester.path / name).write_text(content, encoding="utf-8")
    return pytester


def test_every_file_is_accounted_for() -> None:
    assert set(FILES) == {*OUTCOMES, "pytest.ini"}


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_file_of_the_guide_runs(folder: pytest.Pytester, name: str) -> None:
    result = folder.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly", name)
    assert {key: count for key, count in result.parseoutcomes().items() if key in ("passed", "failed", "errors")} == OUTCOMES[
        name
    ]


def test_the_failure_is_the_one_shown(folder: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest"])  # a replay command begins as the session did
    (shown,) = re.findall(r"<!-- output -->\n```\n(.*?)```", GUIDE, re.DOTALL)
    result = folder.runpytest_inprocess("-p", "no:cacheprovider", "test_clipped.py")
    lines = " ".join(line.removeprefix("E") for line in result.outlines if line.startswith("E  "))
    assert lines.split() == shown.split()


def test_the_options_exist(folder: pytest.Pytester) -> None:
    said = folder.runpytest_inprocess("--help").stdout.str()
    options = set(re.findall(r"--gradverify-\w+", GUIDE)) | set(re.findall(r"^(gradverify_\w+) =", GUIDE, re.MULTILINE))
    assert len(options) == 5
    assert [each for each in options if each not in said] == []
