"""The tables: an interval for every figure, and clocks apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradverify.verification.experiments.walk.calibration_session import Outcome
from gradverify.verification.experiments.walk.design import EXACT, jobs
from gradverify.verification.experiments.walk.walk_study import walk_record
from gradverify.verification.record.record import Record

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


def test_every_figure_of_a_calibrated_walk_has_its_interval(made: Record) -> None:
    tables = [each for each in made.studies[0].exhibits.tables if each.title.startswith("Calibrated walks")]
    assert len(tables) == 2 * len(DESIGN.losses)
    for table in tables:
        figures = table.columns[4:]
        assert len(figures) == 12
        assert figures[1::3] == tuple(f"{each}: low" for each in figures[::3])
        assert figures[2::3] == tuple(f"{each}: high" for each in figures[::3])
        for row in table.rows[1:]:
            for value, low, high in zip(row[4::3], row[5::3], row[6::3], strict=True):
                assert 0 <= low <= value < high  # type: ignore[operator]


def test_clocks_stand_under_timing(made: Record) -> None:
    (study,) = made.studies
    assert "seconds" in study.timing.tables[0].columns
    for table in study.exhibits.tables:
        assert not any("second" in each for each in table.columns)
        assert {len(each) for each in table.rows} == {len(table.columns)}
