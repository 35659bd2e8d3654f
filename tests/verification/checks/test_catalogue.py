"""The list of checks: a new check is a function and a row, and the run, the record and the reports have it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gradverify.verification import Record, verify
from gradverify.verification.checks import catalogue
from gradverify.verification.checks.catalogue import CELL_CHECKS, CellCheck, examine_cell
from gradverify.verification.plan import settle
from gradverify.verification.problems import registered_problems
from gradverify.verification.record.record import Check
from gradverify.verification.report import write_reports
from gradverify.verification.subject import Subject
from gradverify.verification.verdicts import Expectation, LawOutcome
from gradverify.verification.workbench import Workbench

from ..targets import wrong

BIT = registered_problems()["bernoulli:0.3/cubic/p"]


@dataclass(frozen=True)
class Politeness:
    """The finding of a toy check."""

    outcome: LawOutcome
    note: str = ""


def examine_politeness(subject: Subject, alpha: float) -> Politeness:
    """A toy check: an estimator whose name does not end in "please" is rude. It gets its share of the cell's error rate."""
    polite = subject.name.endswith("please")
    return Politeness("pass" if polite else "failed", f"{subject.name} at {alpha:.3g}")


def record_politeness(finding: Politeness, claim: Expectation) -> Check:
    held = "supported" if finding.outcome == "pass" else "refuted"
    return Check(check="politeness", outcome=finding.outcome, claim=held, note=finding.note)


ROW = CellCheck(name="politeness", examine=examine_politeness, record=record_politeness, statistical=True)


def test_a_new_check_is_one_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "CELL_CHECKS", (*CELL_CHECKS, ROW))
    record = verify({"rude": wrong.SOUND, "sound, please": wrong.SOUND}, BIT)
    _, rude, polite = record.cells
    assert [check.check for check in rude.checks] == [
        "conformance", "forward_law", "politeness", "bias", "variance", "cost"
    ]  # fmt: skip
    assert [cell.find("politeness").claim for cell in (rude, polite)] == ["refuted", "supported"]  # type: ignore[union-attr]
    assert (rude.status, polite.status) == ("failed", "ok")
    read = Record.from_json(record.to_json())
    write_reports(read, tmp_path)
    assert "politeness" in (tmp_path / "report.md").read_text()
    assert "politeness" in (tmp_path / "junit.xml").read_text()


def test_the_checks_of_a_cell_share_one_error_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "CELL_CHECKS", (*CELL_CHECKS, ROW, ROW))
    workbench = Workbench(settle(), {"e": wrong.SOUND}.__getitem__, {BIT.name: BIT}.__getitem__)
    findings = examine_cell(workbench.subject("e", BIT.name), 0.03)
    # Brought code has two statistical checks of its own beside the planted two: the forward law and the sizes of calls.
    assert findings["politeness"].note == "e at 0.0075"


def test_a_decisive_check_that_fails_ends_the_list() -> None:
    workbench = Workbench(settle(), {"e": wrong.CoupledRows()}.__getitem__, {BIT.name: BIT}.__getitem__)
    findings = examine_cell(workbench.subject("e", BIT.name), 0.03)
    assert {name: finding.outcome for name, finding in findings.items()} == {"conformance": "failed"}
