"""Points of a series: sizes in order, and cells of other series left out."""

from __future__ import annotations

import pytest

from gradverify.verification.record.record import Cell, Check, Record, Run
from gradverify.verification.studies.points import series_points
from gradverify.verification.verdicts import Outcome

SCALE = {"estimate": 1.5, "interval": (1.25, 1.75)}
HEAD = Run(command="", profile="quick", seed=0, device="cpu", dtype="float64", alpha=1e-3, tolerance=0.1, complete=True)


def cell(problem: str, outcome: Outcome = "measured") -> Cell:
    variance = Check(check="variance", outcome=outcome, estimate=4.0, interval=(3.0, 5.0), num_samples=100,
                     details={"measurable": True, "exact": None})  # fmt: skip
    bias = Check(check="bias", outcome="biased", estimate=1.0, interval=(0.5, 1.5), details={"scale": SCALE})
    cost = Check(check="cost", outcome="measured", timing={"rows_per_second": 50.0})
    return Cell(estimator="e", problem=problem, status="ok", checks=(variance, bias, cost), facts={"scale": [2.0]})


def test_points_of_one_series_by_size() -> None:
    cells = (cell("walk:20/square/p"), cell("walk:5/square/p"), cell("walk:5/linear/p"))
    points = series_points(Record(run=HEAD, cells=cells), "walk/square/p")
    assert [point.size for point in points] == [5, 20]
    assert (points[0].variance, points[0].scale, points[0].seconds, points[0].biased) == (4.0, 2.0, 0.02, True)


@pytest.mark.parametrize(("outcome", "agrees"), [("matches exact", True), ("differs from exact", False), ("measured", None)])
def test_agreement_with_the_exact_variance(outcome: Outcome, agrees: bool | None) -> None:
    (point,) = series_points(Record(run=HEAD, cells=(cell("walk:5/square/p", outcome),)), "walk/square/p")
    assert point.agrees is agrees


def test_a_cell_without_a_variance_has_no_point() -> None:
    refused = Cell(estimator="e", problem="walk:5/square/p", status="ok", checks=())
    assert series_points(Record(run=HEAD, cells=(refused,)), "walk/square/p") == []
