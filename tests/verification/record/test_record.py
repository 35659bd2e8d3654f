"""Records that an earlier version wrote are read in today's words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradverify.verification.record.record import Record
from gradverify.verification.report import validate

REFERENCE = Path(__file__).parents[3] / "reports/reference/verify/report.json"


@pytest.mark.parametrize("spelling", ["no_gradient", "no-gradient"])
def test_both_spellings_of_no_gradient_are_read_as_one(spelling: str) -> None:
    data = json.loads(REFERENCE.read_text(encoding="utf-8"))
    cell = data["cells"][0]
    cell["claims"]["bias"] = spelling
    data["cells"], data["families"] = [cell], []
    record = Record.from_json(json.dumps(data))
    assert record.cells[0].claims["bias"] == "no-gradient"
    validate(record)
