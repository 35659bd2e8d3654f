"""JUnit: one case per (cell, check), with the result that the claim demands."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from gradverify.verification.record.record import Check, Record
from gradverify.verification.report.junit import to_junit


def _parse(record: Record) -> ElementTree.Element:
    return ElementTree.fromstring(to_junit(record).encode())


def test_one_case_per_cell_and_check(record: Record) -> None:
    root = _parse(record)
    ends = sum(cell.status in ("crashed", "timeout") for cell in record.cells)
    expected = sum(len(cell.checks) for cell in record.cells) + ends + len(record.families)
    cases = list(root.iter("testcase"))
    assert len(cases) == expected == int(root.get("tests", "0"))
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == expected


@pytest.mark.parametrize(
    ("outcome", "claim", "status", "tag"),
    [
        ("biased", "refuted", "ok", "failure"),
        ("unbiased", "refuted", "ok", "failure"),
        ("failed", "none", "failed", "failure"),
        ("biased", "supported", "ok", None),
        ("unbiased", "supported", "ok", None),
        ("no-gradient", "none", "ok", None),
        ("not-applicable", "none", "ok", "skipped"),
        ("inconclusive", "inconclusive", "ok", "skipped"),
    ],
)
def test_result_of_a_case(small_record: Callable[..., Record], outcome: str, claim: str, status: str, tag: str | None) -> None:
    case = next(_parse(small_record(Check(check="bias", outcome=outcome, claim=claim), status=status)).iter("testcase"))
    assert [child.tag for child in case if child.tag != "properties"] == ([tag] if tag else [])


@pytest.mark.parametrize("status", ["crashed", "timeout"])
def test_what_could_not_be_run_is_an_error_with_its_reason(small_record: Callable[..., Record], status: str) -> None:
    root = _parse(small_record(status=status, facts={"note": "out of memory"}))
    assert root.get("errors") == "1"
    error = next(root.iter("error"))
    assert "out of memory" in (error.get("message") or "")
    assert "again" in (error.text or "")


def test_a_crash_that_ended_the_bias_check_is_one_error(small_record: Callable[..., Record]) -> None:
    root = _parse(small_record(Check(check="bias", outcome="failed", note="out of memory"), status="crashed"))
    assert (root.get("tests"), root.get("errors"), root.get("failures")) == ("1", "1", "0")


def test_figures_stand_in_properties(record: Record) -> None:
    root = _parse(record)
    case = next(case for case in root.iter("testcase") if case.get("name") == "random_walk:20/square/p bias")
    found = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert found.keys() >= {"outcome", "claim", "estimate", "interval", "seed", "replay"}
    assert found["seed"] == "20240607"


def test_names_that_xml_cannot_hold_are_mended(small_record: Callable[..., Record], record: Record, nasty: str) -> None:
    root = _parse(small_record(Check(check="bias", outcome="failed", note="bell \x07, half \udcff")))
    assert "bell \ufffd, half \ufffd" in (next(root.iter("failure")).get("message") or "")
    assert nasty in {suite.get("name") for suite in _parse(record)}


def test_a_bias_that_repeats_conformance_is_no_second_failure(small_record: Callable[..., Record]) -> None:
    checks = [Check(check=name, outcome="failed", claim="refuted", note="rows tied") for name in ("conformance", "bias")]
    root = _parse(small_record(*checks, status="failed"))
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("2", "1", "1")
