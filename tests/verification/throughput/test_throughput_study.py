"""The study of throughput: exhibits under timing alone, and charts without what could not be read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gradverify.estimators import Enumeration, ScoreFunction, StochasticTriple
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.throughput import measurement
from gradverify.verification.throughput.throughput_study import BenchSettings, cost_charts, throughput_study

SETTINGS = BenchSettings(rows=64, blocks=1, peers=False)
WALK = "random_walk:10/square/p"


@pytest.fixture(name="hasty")
def without_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks that need not be exact."""
    monkeypatch.setattr(measurement, "LEAST_SECONDS", 0.0)


@pytest.mark.usefixtures("hasty")
def test_the_study_holds_nothing_but_timing() -> None:
    study = throughput_study(
        {"score": ScoreFunction(), "triple": StochasticTriple(), "paths": Enumeration()},
        find_problems([WALK, "bits:3/cubic"], quick=False),
        {"length": find_problems(["random_walk:4/square/p"], quick=False)},
        SETTINGS,
        lambda done, total, name: None,
    )
    assert study.exhibits.tables == ()
    assert study.exhibits.charts == ()
    assert study.statements == ()
    walk, bits = study.timing.tables
    ways = [row[:2] for row in walk.rows]
    assert ("forward, raw operations", "peer") in ways
    assert ("score", "eager") in ways
    assert len({(row[0], row[1]) for row in bits.rows}) == len(bits.rows)
    assert {each.name for each in study.timing.charts} == {
        f"{what}_by_{grows}" for what in ("seconds", "memory") for grows in ("length", "rows")
    }
    columns = walk.columns
    line = dict(zip(columns, next(row for row in walk.rows if row[:2] == ("score", "eager")), strict=True))
    assert line["variance"] == pytest.approx(52.17, rel=1e-3)
    assert line["variance x seconds"] == pytest.approx(line["variance"] / line["replicates a second"])
    assert line["draws a second"] == pytest.approx(10 * line["replicates a second"])
    assert line["seconds to 1 %"] == pytest.approx(line["variance x seconds"] / (0.01 * 2.76488620) ** 2)


def test_charts_leave_out_what_could_not_be_read() -> None:
    reading = measurement.Reading(seconds=0.5, ratio=1.0, peak=None, first=1.0, blocks=1)
    seconds, memory = cost_charts("rows", [(1.0, {"a": reading}), (2.0, {"a": replace(reading, peak=4.0)})])
    assert seconds.series[0].x == (1.0, 2.0)
    assert memory.series[0].x == (2.0,)
