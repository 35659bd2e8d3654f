"""The charts: like the tutorial's, one line an estimator, and a note if lines coincide."""

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


def test_charts_are_like_the_tutorials(made: Record) -> None:
    charts = {each.name: each for each in made.studies[0].exhibits.charts}
    assert len(charts) == len(made.studies[0].exhibits.charts)
    walks = charts["walk-paths-from-10"]
    assert [(each.start, each.end, each.label) for each in walks.regions] == [(0, 70, "training"), (70, 100, "testing")]
    assert [each.label for each in walks.series] == ["baseline", *DESIGN.estimators]
    assert walks.series[1].style == "dashed"
    assert {"walk-theta-mean-from-30", "walk-variance-ratio-mean", "walk-1000-steps-from-30", "walk-loss-slope"} <= set(charts)
    for chart in charts.values():
        for series in chart.series:
            assert len(series.x) == len(series.y) > 1
            assert len(series.low) == len(series.high) in (0, len(series.x))


def test_lines_that_are_one_are_said_to_be(made: Record) -> None:
    charts = {each.name: each for each in made.studies[0].exhibits.charts}
    assert "whose lines coincide" not in charts["walk-paths-from-10"].caption
    both = replace(DESIGN, estimators=("agent_torch_categorical", "agent_torch_categorical_float"))
    results = tuple(made_up(job, status="no gradient") for job in jobs(both))
    stuck = walk_record(both, Outcome(results, True), command="", size="small", started=0.0, seconds=1.0)
    caption = stuck.studies[0].exhibits.charts[-1].caption
    assert "agent_torch_categorical and agent_torch_categorical_float, whose lines coincide" in caption


def test_points_of_one_start_stand_side_by_side(made: Record) -> None:
    (chart,) = (each for each in made.studies[0].exhibits.charts if each.name == "walk-error-mean")
    places = {each.label: each.x for each in chart.series}
    assert places == {EXACT: (10, 30), "agent_torch_categorical": (4, 24), "gumbel_softmax": (16, 36)}
    assert [each.style for each in chart.series] == ["dashed", "points", "points"]


def test_theta_is_drawn_for_every_split_with_its_band() -> None:
    design = replace(DESIGN, splits=("time", "trajectories"))
    outcome = Outcome(tuple(made_up(job, end=19.0) for job in jobs(design)), True)
    (study,) = walk_record(design, outcome, command="", size="small", started=0.0, seconds=1.0).studies
    charts = {each.name: each for each in study.exhibits.charts if "theta" in each.name}
    assert set(charts) == {
        f"walk-theta-{split}{loss}-from-{start}"
        for split in ("", "trajectories-")
        for loss in design.losses
        for start in (10, 30)
    }
    for chart in charts.values():
        assert all(each.low for each in chart.series[1:])
