"""`write_reports` and `validate`: which files, the same bytes, and what breaks the schema."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradverify.verification.record.record import Check, Record
from gradverify.verification.report import exit_status, remove_stale, validate, write_reports
from gradverify.verification.report.overview import headline, meaning


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
    before, now = full_record(1, 1), small_record(Check(check="bias", outcome="unbiased"))
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
    record = full_record(2, 1)
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


def test_a_warning_alone_passes_and_is_said(small_record: Callable[..., Record]) -> None:
    record = small_record(Check(check="bias", outcome="biased", claim="supported", details={"material": "negligible"}))
    warned = dataclasses.replace(record, cells=(dataclasses.replace(record.cells[0], claims={"here": "unbiased"}),))
    assert meaning(warned) == "no claim is refuted, with 1 warning of bias"
    assert (exit_status(warned), headline(warned)) == (0, "no claim refuted, 1 warning")
