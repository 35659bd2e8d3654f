"""The README is true: its examples print what it says, and its table is the registry's and the reference run's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gradverify.estimators import ESTIMATORS
from gradverify.verification import Record
from gradverify.verification.report.catalogue import estimator_table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
REFERENCE = ROOT / "reports" / "reference" / "verify" / "report.json"


def block(marker: str) -> tuple[str, str]:
    """The code after a marker, and the output shown beneath it."""
    found = re.search(rf"<!-- {marker} -->\n```python\n(.*?)```\n.*?<!-- output -->\n```\n(.*?)```", README, re.DOTALL)
    assert found is not None, f"the README has no block {marker!r}"
    return found[1], found[2].strip()


def test_first_example_ends_with_the_verdict_it_shows() -> None:
    code, shown = block("example")
    with pytest.raises(AssertionError) as caught:
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert f"AssertionError: {caught.value}".split() == shown.split()


def test_problem_of_your_own_prints_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = block("problem")
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out.strip() == shown


def test_table_is_the_registrys_and_the_reference_runs() -> None:
    found = re.search(r"<!-- estimators -->\n(.*?)<!-- /estimators -->", README, re.DOTALL)
    assert found is not None
    assert found[1] == estimator_table(ESTIMATORS, Record.read(REFERENCE))


def test_pictures_and_pages_that_it_names_exist() -> None:
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_reference_run_refutes_nothing() -> None:
    record = Record.read(REFERENCE)
    assert record.run.complete
    assert not [(cell.estimator, cell.problem) for cell in record.cells for each in cell.checks if each.claim == "refuted"]
