"""The overview: exit status, headline, and the answers that need attention."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable

import pytest

from gradverify.verification.record.record import Cell, Check, Record
from gradverify.verification.record.study import Statement, Study
from gradverify.verification.report.overview import count_words, exit_status, findings, grid, headline, kind_of, outcome_counts


@pytest.mark.parametrize(
    ("checks", "status", "expected"),
    [
        ([("unbiased", "supported")], "ok", 0),
        ([("biased", "supported")], "ok", 0),
        ([("inconclusive", "inconclusive")], "ok", 3),
        ([("inconclusive", "inconclusive")], "crashed", 4),
        ([("unbiased", "supported")], "timeout", 4),
        ([("biased", "refuted"), ("inconclusive", "inconclusive")], "crashed", 1),
        ([("failed", "none")], "failed", 1),
        ([("failed", "none")], "crashed", 4),
        ([], "failed", 1),
        ([], "ok", 0),
    ],
)
def test_exit_status(small_record: Callable[..., Record], checks: list[tuple[str, str]], status: str, expected: int) -> None:
    several = [Check(check="bias", outcome=outcome, claim=claim) for outcome, claim in checks]
    assert exit_status(small_record(*several, status=status)) == expected


@pytest.mark.parametrize(("outcome", "claim"), [("failed", "refuted"), ("no-gradient", "refuted"), ("failed", "none")])
def test_what_fails_conformance_is_listed_once(small_record: Callable[..., Record], outcome: str, claim: str) -> None:
    """No bias is measured then, and its check bears conformance's outcome."""
    note = "raising the objective of 1 of 64 rows changed 2 others"
    checks = [Check(check=name, outcome=outcome, claim=claim, note=note) for name in ("conformance", "bias")]
    record = small_record(*checks, status="failed" if outcome == "failed" else "ok")
    ((kind, several),) = findings(record).items()
    assert kind == ("refuted" if claim == "refuted" else "failed")
    assert [each.check.check for each in several] == ["conformance"]
    assert (exit_status(record), headline(record)[:2]) == (1, "1 ")
    assert outcome_counts(record)["bias"] == {outcome: 1}


def test_another_failure_of_the_bias_is_listed_beside_conformance(small_record: Callable[..., Record]) -> None:
    checks = [Check(check=name, outcome="failed", note=name) for name in ("conformance", "bias")]
    assert len(findings(small_record(*checks))["failed"]) == 2


def test_a_negligible_bias_of_what_is_held_to_none_is_a_warning() -> None:
    """It is inside the tolerance, as an `unbiased` is: the claim holds at that tolerance, and a reader is told."""
    bias = Check(check="bias", outcome="biased", claim="supported", details={"material": "negligible"})
    for claims, kind in (({"bias": "unbiased"}, "warning"), ({"bias": "biased", "here": "unbiased"}, "warning"),
                         ({"bias": "unbiased", "here": "any"}, ""), ({"bias": "biased"}, "")):  # fmt: skip
        assert kind_of(Cell(estimator="one", problem="toy", status="ok", checks=(bias,), claims=claims), bias) == kind


def test_the_headline_names_studies_by_their_statements(small_record: Callable[..., Record]) -> None:
    statements = tuple(Statement(claim="c", outcome=outcome, measured="1") for outcome in ("holds", "holds", "fails"))
    studies = (Study(name="walk", title="Walk", statements=statements), Study(name="speed", title="Speed"))
    judged = dataclasses.replace(small_record(Check(check="bias", outcome="unbiased")), studies=studies)
    assert headline(judged) == "every claim holds; Walk (2 statements hold, 1 fails)"
    assert headline(dataclasses.replace(judged, cells=())) == "Walk (2 statements hold, 1 fails); Speed (measured)"


def test_refuted_words_are_counted_apart(small_record: Callable[..., Record]) -> None:
    (sound,) = small_record(Check(check="bias", outcome="biased", claim="supported")).cells
    (wrong,) = small_record(Check(check="bias", outcome="biased", claim="refuted")).cells
    shown = grid(dataclasses.replace(small_record(), cells=(sound, wrong, sound)))
    assert shown.counts == {("one", "toy"): Counter({("biased", False): 2, ("biased", True): 1})}
    assert shown.has_refuted


def test_outcomes_that_are_lists_are_told_apart() -> None:
    assert count_words(Counter({"sites 2, 3": 1, "site 0": 11})) == "11 site 0; 1 sites 2, 3"
