"""What a failure says to type, from wherever pytest was started; and the record of a session that did not end well."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from gradverify.verification.record.record import Record
from gradverify.verification.run import verification as run  # noqa: F401

# What an inner run imports first it forgets again, with its classes: so everything that it uses is imported here.
from .test_pytest_plugin import BY_HAND, run_here

pytest_plugins = ["pytester"]

WRONG = """
    import pytest

    @pytest.mark.parametrize("name", ["plain", "it's [1]"])
    def test_wrong(gradverify, name):
        gradverify.assert_unbiased("straight_through", "bernoulli:0.3/cubic", tolerance=0.05)
"""


def said(result: pytest.RunResult, word: str) -> list[str]:
    return sorted(re.findall(rf"^E +{word}: (.*)$", result.stdout.str(), re.MULTILINE))


def test_a_replay_can_be_pasted_where_pytest_was_started(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the root folder, with quotes and brackets in a test's name, and a budget that the command line set."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pytest"])
    pytester.makeini("[pytest]\n")
    folder = pytester.mkdir("some tests")
    (folder / "below").mkdir()
    (folder / "test_wrong.py").write_text("\n".join(line[4:] for line in WRONG.splitlines()))
    monkeypatch.chdir(folder / "below")
    first = run_here(pytester, "-o", "gradverify_assertions=10", "..")
    commands = [shlex.split(each) for each in said(first, "replay")]
    assert sorted(each[1] for each in commands) == [
        "../test_wrong.py::test_wrong[it's [1]]",
        "../test_wrong.py::test_wrong[plain]",
    ]
    assert {tuple(each[2:]) for each in commands} == {("--gradverify-seed", "0", "-o", "gradverify_assertions=10")}
    again = [said(run_here(pytester, *each[1:]), "AssertionError") for each in commands]
    assert sorted(line for each in again for line in each) == said(first, "AssertionError")
    assert all("false-fail rate 0.0001" in each for each in said(first, "AssertionError"))


@pytest.mark.parametrize(("program", "words"), [("/usr/bin/pytest", "pytest"), ("/lib/pytest/__main__.py", "python -m pytest")])
def test_the_program_is_the_one_that_was_started(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, program: str, words: str
) -> None:
    """``python -m pytest`` finds modules beside the tests that ``pytest`` does not."""
    monkeypatch.setattr(sys, "argv", [program])
    pytester.makepyfile(test_one="def test_one(gradverify): assert False, gradverify.replay")
    run_here(pytester, "-q").stdout.fnmatch_lines([f"E * {words} test_one.py::test_one --gradverify-seed 0*"])


@pytest.mark.parametrize("place", ["folder", "file/report.json"])
def test_a_record_that_cannot_be_written_is_said_and_fails_the_session(pytester: pytest.Pytester, place: str) -> None:
    pytester.makepyfile(BY_HAND)
    pytester.mkdir("folder")
    (pytester.path / "file").touch()
    result = run_here(pytester, "--gradverify-record", place)
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"the record could not be written to *{Path(place).name}: *"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_the_record_of_a_session_that_stopped_early_is_not_complete(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_1=BY_HAND, test_2="def test_failing(): assert False", test_3=BY_HAND)
    for options, complete in (((), True), (("-x",), False)):
        run_here(pytester, *options, "--gradverify-record", "report.json")
        record = Record.read(pytester.path / "report.json")
        assert (record.run.complete, len(record.cells)) == (complete, 2 if complete else 1)
