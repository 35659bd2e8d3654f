"""The study: a valid record that is read back as it was, and every exhibit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradverify.verification.experiments.walk.calibration_session import Outcome
from gradverify.verification.experiments.walk.design import EXACT, jobs
from gradverify.verification.experiments.walk.walk_study import walk_record
from gradverify.verification.record.record import Record
from gradverify.verification.report import validate

from .designs import TINY, made_up

DESIGN = replace(TINY, estimators=(EXACT, "agent_torch_categorical", "gumbel_softmax"), losses=("trajectory", "mean"))
RESULTS = tuple(
    made_up(job, status="no gradient" if job.estimator.startswith("agent") else "descended") for job in jobs(DESIGN)
)


def record(complete: bool = True, results: int = len(RESULTS)) -> Record:
    outcome = Outcome(RESULTS[:results], complete)
    return walk_record(DESIGN, outcome, command="gradverify", size="small", started=0.0, seconds=1.0)


@pytest.fixture(scope="module")
def made() -> Record:
    return record()


def test_record_is_valid_and_read_back(made: Record) -> None:
    validate(made)
    read = Record.from_json(made.to_json())
    assert read.to_json() == made.to_json()
    (study,) = read.studies
    assert study.name == "walk"
    assert study.settings["seeds"] == 2
    assert {each.title.split(":")[0] for each in study.exhibits.tables} == {
        "Minima of the losses",
        "Estimators that could not descend",
        "Calibrated walks",
        "Gradient of a batch",
    }


def test_an_interrupted_run_shows_what_is_done() -> None:
    cut = record(complete=False, results=1)
    validate(cut)
    assert not cut.run.complete
