"""Records of version 1.0 are read: nothing is made up, and comparing them with today's says what is not comparable."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradverify.verification.comparison.compare import compare
from gradverify.verification.record.migration import migrate
from gradverify.verification.record.record import SCHEMA_VERSION, Cell, Check, Record
from gradverify.verification.report import validate

REFERENCE = Path(__file__).parents[3] / "reports/reference/verify/report.json"


def a_former_record(check: dict[str, Any], **facts: Any) -> dict[str, Any]:
    common = {"check": "bias", "outcome": "biased", "estimate": -0.5, "interval": [-0.6, -0.4], "relative": -0.25}
    cell = {"estimator": "e", "problem": "p", "checks": [{**common, **check}], "facts": facts}
    return {"schema_version": "1.0", "cells": [cell]}


def migrated(check: dict[str, Any], **facts: Any) -> dict[str, Any]:
    found = migrate(a_former_record(check, **facts))
    assert found["schema_version"] == SCHEMA_VERSION
    return dict(found["cells"][0]["checks"][0])


def test_one_parameters_number_was_that_of_the_gradient() -> None:
    check = migrated({}, dimension=1, scale=[2.0], exact=[-2.0])
    assert "relative" not in check
    assert check["channel_relative"] == -0.25
    assert check["relative_error"] == {"estimate": 0.25, "interval": [pytest.approx(0.2), pytest.approx(0.3)]}
    assert check["scale"] == {"estimate": 1.25, "interval": [pytest.approx(1.2), pytest.approx(1.3)]}


def test_a_vectors_relative_error_cannot_be_known() -> None:
    gain = {"name": "gain", "kind": "gain", "estimate": -1.0, "interval": [-1.2, -0.8], "scale": 4.0}
    check = migrated({"channels": [gain]}, dimension=2, scale=[2.0, 2.0])
    assert "relative_error" not in check
    assert check["scale"] == {"estimate": 0.75, "interval": [pytest.approx(0.7), pytest.approx(0.8)]}


def test_a_check_without_a_number_stays_without() -> None:
    check = migrated({"estimate": None, "interval": None, "relative": None}, dimension=1)
    assert not {"relative", "channel_relative", "relative_error", "scale"} & set(check)


def test_the_reference_run_is_read_and_obeys_todays_schema() -> None:
    record = Record.read(REFERENCE)
    validate(record)
    again = Record.from_json(record.to_json())
    assert again.read_from == SCHEMA_VERSION
    assert "read_from" not in json.loads(record.to_json())
    assert again.cells == record.cells


def a_cell(outcome: Any, dimension: int) -> Cell:
    bias = Check(check="bias", outcome=outcome, claim="refuted" if outcome == "biased" else "supported")
    return Cell(estimator="e", problem="p", status="ok", checks=(bias,), facts={"dimension": dimension})


def test_verdicts_on_vectors_are_not_compared_across_versions() -> None:
    """The same change is worse between two records of one version, and for one parameter."""
    whole = Record.read(REFERENCE)
    for dimension, versions, changed in ((3, "1.0", False), (1, "1.0", True), (3, SCHEMA_VERSION, True)):
        base = replace(whole, cells=(a_cell("unbiased", dimension),), families=(), read_from=versions)
        head = replace(whole, cells=(a_cell("biased", dimension),), families=(), read_from=SCHEMA_VERSION)
        found = compare(base, head)
        assert bool(found.changes) is changed
        assert any("not compared" in note for note in found.notes) is (versions == "1.0")


def test_the_former_accessor_warns_and_gives_the_channels_number() -> None:
    channels = [{"name": "gain", "scale": 4.0}]
    check = Check(check="bias", outcome="biased", estimate=-1.0, details={"channel": "gain", "channels": channels})
    with pytest.warns(DeprecationWarning, match="relative_error"):
        assert check.relative == -0.25
