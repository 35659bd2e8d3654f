"""`write_reports` and `validate`: which files, the same bytes, and what breaks the schema."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradverify.verification.record.record import Cell, Check, Record
from gradverify.verification.report import exit_status, remove_stale, render, validate, write_reports
from gradverify.verification.report.markdown import to_markdown
from gradverify.verification.report.overview import findings, headline, kind_of, outcome_counts
from gradverify.verification.report.undecided import undecided_line


def test_writes_every_form(written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    assert {"report.md", "junit.xml", "report.html"} <= names
    for kind in ("bias-random_walk", "variance-random_walk-square-p", "cost-random_walk-20-square-p"):
        assert {f"{kind}.svg", f"{kind}.png"} <= names


def test_returns_what_it_wrote_and_makes_the_folder(small_record: Callable[..., Record], tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    paths = write_reports(small_record(Check(check="bias", outcome="unbiased")), folder)
    assert sorted(paths) == sorted(folder.iterdir())


def test_pictures_of_the_record_before_are_removed_and_no_other_file(
    full_record: Callable[..., Record], small_record: Callable[..., Record], tmp_path: Path
) -> None:
    before, now = full_record(3, 2), small_record(Check(check="bias", outcome="unbiased"))
    old, own = write_reports(before, tmp_path), [tmp_path / "bias-mine.svg", tmp_path / "mine.png"]
    for each in own:
        each.touch()
    written = write_reports(now, tmp_path)
    assert set(old) - set(written)
    remove_stale(None, tmp_path, written)
    assert set(tmp_path.iterdir()) == {*old, *own, *written}
    remove_stale(before, tmp_path, written)
    assert set(tmp_path.iterdir()) == {*own, *written}


def test_same_record_same_bytes(full_record: Callable[..., Record], tmp_path: Path) -> None:
    record = full_record(3, 2)
    first = write_reports(record, tmp_path / "first")
    again = write_reports(Record.from_json(record.to_json()), tmp_path / "again")
    assert [path.name for path in first] == [path.name for path in again]
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name


def test_full_record_obeys_the_schema(record: Record) -> None:
    validate(record)


def test_non_finite_numbers_become_strings_in_valid_json(record: Record) -> None:
    text = record.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"bare {name} in the record"))
    assert '"NaN"' in text
    assert '"Infinity"' in text


def _broken(record: Record, **changes: Any) -> Record:
    cell = record.cells[0]
    checks = (dataclasses.replace(cell.checks[0], **changes),)
    return dataclasses.replace(record, cells=(dataclasses.replace(cell, checks=checks),))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"outcome": "fine"}, "outcome"),
        ({"claim": "maybe"}, "claim"),
        ({"estimate": "about two"}, "estimate"),
        ({"interval": (1.0,)}, "interval"),
        ({"num_samples": -1}, "num_samples"),
        ({"details": {"material": "huge"}}, "material"),
        ({"details": {"looks": [{"n": 1000}]}}, "looks"),
        ({"details": {"channels": [{"name": "0", "open": "yes"}]}}, "channels"),
    ],
)
def test_schema_names_what_is_broken(small_record: Callable[..., Record], changes: dict[str, Any], place: str) -> None:
    record = small_record(Check(check="bias", outcome="unbiased"))
    validate(record)
    with pytest.raises(ValueError, match=place):
        validate(_broken(record, **changes))


@pytest.mark.parametrize(
    ("head", "place"), [({"alpha": 2.0}, "alpha"), ({"seed": "seven"}, "seed"), ({"tolerance": 0.0}, "tolerance")]
)
def test_schema_rejects_a_wrong_head(small_record: Callable[..., Record], head: dict[str, Any], place: str) -> None:
    with pytest.raises(ValueError, match=place):
        validate(small_record(**head))


def test_schema_rejects_an_unknown_status(small_record: Callable[..., Record]) -> None:
    with pytest.raises(ValueError, match="status"):
        validate(small_record(status="odd"))


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


def test_survives_a_record_without_optional_details(small_record: Callable[..., Record], tmp_path: Path) -> None:
    names = ("conformance", "forward_law", "bias", "variance", "cost", "references", "of_the_future")
    for outcome in ("unbiased", "biased", "inconclusive", "failed", "surprising"):
        checks = [Check(check=name, outcome=outcome) for name in names]
        assert write_reports(small_record(*checks), tmp_path)


def test_survives_an_empty_record(small_record: Callable[..., Record], tmp_path: Path) -> None:
    empty = dataclasses.replace(small_record(complete=False), cells=())
    assert len(write_reports(empty, tmp_path)) == 3
    assert "incomplete" in (tmp_path / "report.md").read_text()


def test_survives_half_a_surrogate_pair(small_record: Callable[..., Record], tmp_path: Path) -> None:
    record = small_record(Check(check="bias", outcome="unbiased", note="\udcff \x00 \x1b[31m"), command="a\udcffb")
    assert write_reports(record, tmp_path)


@pytest.mark.parametrize(("outcome", "claim"), [("failed", "refuted"), ("no-gradient", "refuted"), ("failed", "none")])
def test_what_fails_conformance_is_listed_once(small_record: Callable[..., Record], outcome: str, claim: str) -> None:
    """No bias is measured then, and its check bears conformance's outcome."""
    note = "scaling the objective of row 0 changed 2 of 64 rows"
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


def test_a_warning_alone_ends_with_every_claim_holding(small_record: Callable[..., Record]) -> None:
    record = small_record(Check(check="bias", outcome="biased", claim="supported", details={"material": "negligible"}))
    warned = dataclasses.replace(record, cells=(dataclasses.replace(record.cells[0], claims={"here": "unbiased"}),))
    assert (exit_status(warned), headline(warned)) == (0, "every claim holds, 1 warning")


def test_what_is_undecided_is_said_with_what_would_decide_it(small_record: Callable[..., Record]) -> None:
    def bias(reason: str, rows: int | None) -> Check:
        return Check(check="bias", outcome="inconclusive", details={"reason": reason, "rows_needed": rows})

    record = small_record(bias("budget", 20_000), bias("budget", 157_000), bias("tail", None))
    said = undecided_line(record)
    assert said.startswith(
        "Inconclusive: bias (3). More rows would decide 2 of these (up to 157,000 rows a cell). "
        "The reason for 1 is tail: a few rows make up"
    )
    assert " ".join(render(record, 80).split()).count(said) == 1
    assert said in to_markdown(record)
    sized = Check(check="bias", outcome="biased", claim="inconclusive", details={"material": "undetermined"})
    assert "The reason for 1 is size: there is a bias, and these rows do not tell" in undecided_line(small_record(sized))
    assert undecided_line(small_record(Check(check="bias", outcome="unbiased"))) == ""


def test_where_a_bias_enters_stands_in_every_form(small_record: Callable[..., Record], tmp_path: Path) -> None:
    note = "The bias enters at site 3 of 7: site 3 alone brings 1.25."
    found = Check(check="attribution", outcome="site 3", note=note)
    record = small_record(Check(check="bias", outcome="biased", claim="supported"), found)
    write_reports(record, tmp_path)
    for text in (render(record, 80), to_markdown(record), (tmp_path / "report.html").read_text(encoding="utf-8")):
        assert "Where biases enter" in text
        assert note in " ".join(text.split())
    plain = small_record(Check(check="bias", outcome="biased", claim="supported"))
    assert "Where biases enter" not in render(plain) + to_markdown(plain)
