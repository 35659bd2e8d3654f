"""Studies: JSON and back within a record, and the schema that they obey."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import jsonschema
import pytest

from gradverify.verification.record.record import Record, Run, schema
from gradverify.verification.record.study import Chart, Exhibits, Region, Series, Statement, Study, Table

HEAD = Run(command="", profile="quick", seed=0, device="cpu", dtype="float64", alpha=1e-3, tolerance=0.1, complete=True)
CURVE = Series(label="score function", x=(10.0, 20.0), y=(1.0, math.inf), low=(0.5, math.nan), high=(2.0, math.inf))
CHART = Chart(
    name="variance",
    title="Variance",
    caption="",
    x_label="n",
    y_label="variance",
    series=(CURVE,),
    x_log=True,
    regions=(Region(start=0.0, end=15.0, label="training"),),
)
TABLE = Table(title="Cost", columns=("estimator", "seconds"), rows=(("score function", 1.5), ("none", None)))
STUDY = Study(
    name="variance",
    title="Variance over length",
    text=("One paragraph.",),
    statements=(Statement(claim="it grows", outcome="holds", measured="2.0 in [1.9, 2.1]"),),
    exhibits=Exhibits(charts=(CHART,)),
    settings={"sizes": [10, 20]},
    timing=Exhibits(tables=(TABLE,)),
)


def test_a_record_gives_its_studies_back() -> None:
    text = Record(run=HEAD, cells=(), studies=(STUDY,)).to_json()
    jsonschema.validate(json.loads(text), schema())
    assert repr(Record.from_json(text).studies) == repr((STUDY,))  # NaN equals nothing, its text does


def test_a_record_without_studies_is_read() -> None:
    data = json.loads(Record(run=HEAD, cells=()).to_json())
    del data["studies"]
    assert Record.from_json(json.dumps(data)).studies == ()


@pytest.mark.parametrize("wrong", [{"outcome": "perhaps"}, {"claim": ""}])
def test_the_schema_bites(wrong: dict[str, str]) -> None:
    study = replace(STUDY, statements=(replace(STUDY.statements[0], **wrong),))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(Record(run=HEAD, cells=(), studies=(study,)).to_json()), schema())


def test_an_unknown_field_is_no_record() -> None:
    data = json.loads(Record(run=HEAD, cells=(), studies=(STUDY,)).to_json())
    data["studies"][0]["colour"] = "red"
    with pytest.raises(ValueError, match="colour"):
        Record.from_json(json.dumps(data))
