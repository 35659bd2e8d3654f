"""What the training came to: statements that can hold, fail and stay open, on runs made up for it."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.verification.experiments.published.endings import training_charts, training_statements, training_tables
from gradverify.verification.experiments.published.polynomial_training import EXACT, TRAINED, Run, Schedule
from gradverify.verification.experiments.published.polynomials import PUBLISHED

SCHEDULE = Schedule(epochs=2, seeds=3)
WIGGLE = np.array([-0.005, 0.0, 0.005])


def runs(**ways: float) -> tuple[Run, ...]:
    """Runs that end so far on the way to the optimum, some seeds a little farther."""
    made = []
    for power, start, optimum in PUBLISHED:
        for name in TRAINED:
            ends = start - (ways.get(name, 1.0) + WIGGLE) * (start - optimum)
            made.append(Run(name, power, np.stack((np.full(3, start), np.full(3, (start + optimum) / 2), ends))))
    return tuple(made)


@pytest.mark.parametrize(
    ("ways", "expected"),
    [
        ({"reinmax": 0.99, "leave_one_out": 0.97, "straight_through": 0.1}, ["holds", "holds", "holds"]),
        ({"reinmax": 0.9, "leave_one_out": 0.95, "straight_through": 0.9}, ["fails", "open", "fails"]),
    ],
)
def test_statements_are_decided_by_intervals(ways: dict[str, float], expected: list[str]) -> None:
    found = training_statements(runs(**ways))
    assert [each.outcome for each in found] == expected
    assert "0.3522 at power 1.5, 0.2475 at power 2, 0.1213 at power 3" in found[2].note
    assert found[0].measured.endswith("at power 3, as shares of the way")


def test_one_power_that_fails_decides() -> None:
    made = list(runs(straight_through=0.1))
    bad = next(index for index, each in enumerate(made) if (each.estimator, each.power) == ("reinmax", 3.0))
    made[bad] = Run("reinmax", 3.0, made[bad].losses[::-1])
    assert training_statements(made)[0].outcome == "fails"


def test_charts_have_bands_and_references() -> None:
    charts = training_charts(runs(), SCHEDULE)
    assert [each.name for each in charts] == [f"published_polynomial_{each}" for each in ("1point5", "2", "3")]
    for chart in charts:
        drawn = {each.label: each for each in chart.series}
        assert set(drawn) == {*TRAINED, "published optimum", "where straight-through rests"}
        assert drawn["reinmax"].x == (0.0, 200.0, 400.0)
        assert drawn["reinmax"].low[-1] < drawn["reinmax"].y[-1] < drawn["reinmax"].high[-1]
        assert drawn[EXACT].style == "dashed"


def test_the_table_holds_losses_and_ways() -> None:
    (table,) = training_tables(runs(reinmax=0.9))
    row = dict(zip(table.columns, next(each for each in table.rows if each[:2] == (2.0, "reinmax")), strict=True))
    assert (row["loss"], row["way to the optimum"]) == (pytest.approx(0.2075), pytest.approx(0.9))
    assert len(table.rows) == 15


def test_without_training_there_is_nothing() -> None:
    assert training_statements(()) == training_tables(()) == training_charts((), None) == ()
