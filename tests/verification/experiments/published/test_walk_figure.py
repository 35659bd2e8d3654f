"""The published walk figure: its series, its table, and statements that can fail."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gradverify.verification.experiments.published import walk_figure as published_walk
from gradverify.verification.experiments.published.published_numbers import Comparison
from gradverify.verification.experiments.published.walk_figure import (
    CENTRED,
    SCORE,
    TRIPLE,
    walk_chart,
    walk_comparisons,
    walk_exact_table,
    walk_long_table,
    walk_statements,
    walk_table,
)

# n, and the exact standard deviations of score, score with baseline E f and pruned triple, as printed to three or four digits
EXACT = {10: (3.80, 1.87, 0.985), 50: (34.85, 10.6, 3.42), 100: (94.43, 21.38, 6.50)}


@pytest.fixture(scope="module")
def compared() -> tuple[Comparison, ...]:
    return tuple(walk_comparisons(1000, 0))


def test_all_ten_lengths_and_three_estimators(compared: tuple[Comparison, ...]) -> None:
    assert [(each.size, each.name) for each in compared] == [
        (n, name) for n in range(10, 101, 10) for name in (TRIPLE, SCORE, CENTRED)
    ]
    found = {(each.size, each.name): math.sqrt(each.exact) for each in compared}
    for length, expected in EXACT.items():
        for name, value in zip((SCORE, CENTRED, TRIPLE), expected, strict=True):
            assert found[length, name] == pytest.approx(value, rel=2e-3)


def test_statements_hold_and_fail(compared: tuple[Comparison, ...]) -> None:
    """Planted: the triple's exact variance at p = n, and a published point that was read off wrongly."""
    assert [each.outcome for each in walk_statements(compared)] == ["holds", "holds", "holds"]
    wrong = tuple(replace(each, exact=208.0) if (each.size, each.name) == (100, TRIPLE) else each for each in compared)
    assert [each.outcome for each in walk_statements(wrong)][:2] == ["fails", "fails"]
    misread = tuple(replace(each, published=8.5) if (each.size, each.name) == (100, TRIPLE) else each for each in compared)
    assert [each.outcome for each in walk_statements(misread)][:2] == ["holds", "fails"]


def test_dead_weight_is_told_apart(compared: tuple[Comparison, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the pruned triple in its place, which has the published deviations."""
    dropping = walk_statements(compared)[2]
    assert dropping.measured.endswith("at n = 100 it has 8.536")
    pruned = walk_exact_table
    monkeypatch.setattr(
        published_walk, "_dead_weight", lambda problem: published_walk._exact(published_walk.StochasticTriple(), problem)
    )
    assert walk_statements(compared)[2].outcome == "fails"
    assert pruned().rows[0][2] == pytest.approx(0.98493, abs=1e-5)


def test_exact_table_has_the_known_numbers() -> None:
    """The smoothed triple's deviation and bias, as printed to two or three digits, and the conditional triple's."""
    found = {row[0]: row[1:] for row in walk_exact_table().rows}
    assert found[10] == pytest.approx((1.48981782, 1.0534, 0.684, 0.3203, 1.92e-3), rel=2e-3)
    assert found[50] == pytest.approx((7.55818819, 4.34, 1.27, 0.7885, 2.73e-4), rel=4e-3)
    assert found[100] == pytest.approx((15.13490144, 8.536, 1.74, 1.126, 1.3e-4), rel=5e-3)


def test_chart_has_dashed_lines_behind_points_with_intervals(compared: tuple[Comparison, ...]) -> None:
    chart = walk_chart(compared)
    assert [(each.label, each.style) for each in chart.series] == [
        (name, style) for name in (TRIPLE, SCORE, CENTRED) for style in ("dashed", "points")
    ]
    for line, points in zip(chart.series[::2], chart.series[1::2], strict=True):
        assert line.x == points.x == tuple(float(n) for n in range(10, 101, 10))
        assert all(low < y < high for low, y, high in zip(points.low, points.y, points.high, strict=True))
        assert not line.low


def test_tables(compared: tuple[Comparison, ...]) -> None:
    table = walk_table(compared)
    assert len(table.rows) == 30
    assert all(len(row) == len(table.columns) for row in table.rows)
    last = dict(zip(table.columns, table.rows[-2], strict=True))
    assert (last["n"], last["estimator"], last["published"], last["published agrees"]) == (100, SCORE, 95.7, "yes")
    beyond = {str(name): value for name, value in walk_long_table().rows}
    assert beyond["d/dp E[X_n^2]"] == pytest.approx(121.19683906, abs=6e-9)
    assert [round(float(value or 0.0), 1) for value in list(beyond.values())[1:]] == [49.7, 2050.9, 172.3, 4.8]
    assert published_walk.LONG == 800
