"""Studies in every form of the report: paragraphs, statements, tables, charts with their data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gradverify.verification.record.record import Record, Run
from gradverify.verification.record.study import Chart, Exhibits, Region, Series, Statement, Study, Table
from gradverify.verification.report import exit_status, render, validate, write_reports
from gradverify.verification.report.figures import pictures
from gradverify.verification.report.markdown import to_markdown
from gradverify.verification.report.markdown_text import SIZE_LIMIT

NASTY = "a|b <b>&`code`\x07 猫"
HEAD = Run(
    command="gradverify", profile="small", seed=0, device="cpu", dtype="float64", alpha=1e-3, tolerance=0.1, complete=True
)


def chart(labels: int, **changes: object) -> Chart:
    x = (10.0, 20.0, 50.0)
    sampled = [
        Series(label=f"estimator {at}", x=x, y=(1.0 + at, 2.0, 3.0), low=(0.5, 1.5, 2.5), high=(4.0, 5.0, 6.0), style="points")
        for at in range(labels)
    ]
    exact = [replace(each, low=(), high=(), style="dashed") for each in sampled]
    base = Series(label="baseline", x=x, y=(2.0, 2.0, 2.0), style="dashed")
    whole = Chart(
        name="growth", title="Growth", caption="How it grows.", x_label="n", y_label="variance", series=(*sampled, *exact, base)
    )
    return replace(whole, **changes)


def record(*charts: Chart, statements: int = 3) -> Record:
    outcomes = ("holds", "fails", "open")
    said = tuple(
        Statement(claim=f"claim {at} {NASTY}", outcome=outcomes[at % 3], measured="1 in [0, 2]") for at in range(statements)
    )
    table = Table(title="Costs", columns=("estimator", "seconds"), rows=(("score_function", 1.25), (NASTY, None)))
    study = Study(
        name="walk/calibration",
        title="Walk calibration",
        text=("What was done.",),
        statements=said,
        exhibits=Exhibits(charts=charts),
        settings={"sizes": [10, 20]},
        timing=Exhibits(tables=(table,)),
    )
    return Record(run=HEAD, cells=(), studies=(study,))


def test_every_form_shows_statements_and_tables(tmp_path: Path) -> None:
    shown = record(chart(2))
    validate(shown)
    names = {path.name for path in write_reports(shown, tmp_path)}
    assert {"report.html", "report.md", "growth.svg", "growth.png"} <= names
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in (page, to_markdown(shown), render(shown)):
        for part in ("Walk calibration", "holds", "fails", "open", "score", "1.25", "1 in"):
            assert part in text
    assert "<b>&`" not in page
    assert "\x07" not in render(shown)


def test_statements_change_no_exit_status() -> None:
    assert exit_status(record()) == 0
    assert "1 statement holds, 1 fails, 1 is open" in render(record(), 200)
    assert "every claim holds" not in render(record(), 200)


def test_a_series_and_its_exact_line_share_a_colour_and_a_legend_entry() -> None:
    (picture,) = pictures(record(chart(2))).all()
    drawn = picture.svg.decode()
    assert drawn.count(">estimator 1<") == 1
    assert drawn.count(">baseline<") == 1
    assert len(picture.rows) == 5 * 3


def test_many_series_take_several_panels_and_each_shows_the_reference() -> None:
    (picture,) = pictures(record(chart(9))).all()
    assert picture.svg.decode().count(">baseline<") == 2


@pytest.mark.parametrize("log", [False, True])
def test_what_has_no_place_on_the_axes_is_left_out(log: bool) -> None:
    odd = Series(label="odd", x=(0.0, 1.0, 2.0), y=(math.nan, -1.0, 3.0), low=(-1.0, 0.0, math.nan), high=(1.0, 1.0, math.inf))
    whole = chart(1, x_log=log, y_log=log)
    region = Region(start=10.0, end=20.0, label="training")
    styles = [replace(odd, label=style, style=style) for style in ("line", "points", "both", "dashed")]
    (picture,) = pictures(record(replace(whole, series=(*whole.series, *styles), regions=(region,)))).all()
    assert b"training" in picture.svg
    assert ("line", "0", "NaN", "-1", "1") in picture.rows


# Values at which the margins of Matplotlib round to no width, which once divided by zero.
@pytest.mark.parametrize("value", [10.321282770791997, 1.0, 3.3028])
def test_a_single_value_on_logarithmic_axes_has_room(value: float) -> None:
    point = Series(label="one", x=(value,), y=(value,), style="points")
    work = Series(label="work", x=(value, value), y=(value, value), style="dashed")
    (picture,) = pictures(record(chart(0, series=(point, work), x_log=True, y_log=True))).all()
    assert ("one", f"{value:.6g}", f"{value:.5g}", "–", "–") in picture.rows


def test_an_empty_chart_is_left_out() -> None:
    assert pictures(record(chart(0, series=()))).all() == []


def test_an_estimator_has_one_colour_in_all_charts_of_a_study() -> None:
    whole = chart(3)
    last = replace(whole, series=whole.series[2:3])
    first, second = (picture.svg.decode() for picture in pictures(record(whole, last)).all())
    assert "#00825f" in first
    assert "#00825f" in second
    assert "#0072b2" not in second


def test_markdown_stays_within_its_limit() -> None:
    huge = record(statements=20_000)
    text = to_markdown(replace(huge, studies=huge.studies * 30))
    assert len(text.encode()) < SIZE_LIMIT
    assert "Lines left out here: " in text


def test_a_study_alone_has_no_tolerance_nor_error_rate(tmp_path: Path, small_record: Callable[..., Record]) -> None:
    """Nothing is held to a claim, so they would mean nothing."""
    write_reports(record(), tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in (page, to_markdown(record())):
        assert "olerance" not in text
        assert "alpha 0.001" not in text
    assert "tolerance 5 %" in to_markdown(small_record())


def test_settings_are_written_out(tmp_path: Path) -> None:
    shown = record()
    data = {"simulator": "springs", "time_step": 1e-3, "rows": 100_000, "shuffled": False}
    settings = {"data": data, "jobs": [data] * 3, "sizes": list(range(1, 11)), "trajectories": 1000}
    study = replace(shown.studies[0], settings=settings)
    write_reports(replace(shown, studies=(study,)), tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for part in ("simulator springs, time step 0.001, rows 100000, shuffled no", "3, listed in report.json",
                 "1, 2, 3, 4, 5, 6, 7, 8, 9, 10<", "<dd>1000</dd>"):  # fmt: skip
        assert part in page


def test_lines_can_be_told_apart_without_colour() -> None:
    """Each has marks of its own, a few, and where no other line has them."""
    x = tuple(float(each) for each in range(60))
    lines = [Series(label=f"line {at}", x=x, y=x) for at in range(3)]
    (picture,) = pictures(record(chart(0, series=tuple(lines)))).all()
    drawn = picture.svg.decode()
    for colour in ("#0072b2", "#d55e00", "#00825f"):
        marks = re.findall(rf"<use [^>]*fill: {colour}", drawn)
        assert 6 <= len(marks) <= 9, colour


def test_less_than_two_decades_have_more_than_one_tick() -> None:
    whole = chart(1, y_log=True)
    low = Series(label="low", x=(1.0, 2.0), y=(300.0, 2500.0))
    (picture,) = pictures(record(replace(whole, series=(low,)))).all()
    assert {">500<", ">1,000<", ">2,000<"} <= set(re.findall(r">[\d,]+<", picture.svg.decode()))


@pytest.mark.parametrize(("width", "blocks"), [(40, 3), (60, 2), (100, 1)])
def test_a_table_that_is_wider_than_the_terminal_is_shown_in_blocks(width: int, blocks: int) -> None:
    columns = ("estimator", "variance", "lower limit", "upper limit", "seconds a replicate")
    rows = tuple((f"estimator_{at}", 1.5, 1.25, 1.75, 0.001) for at in range(3))
    shown = record()
    study = replace(shown.studies[0], exhibits=Exhibits(tables=(Table(title="Variances", columns=columns, rows=rows),)))
    lines = render(replace(shown, studies=(study,)), width).splitlines()
    assert max(map(len, lines)) <= width
    assert sum("estimator_2" in line for line in lines) == blocks
    assert sum("seconds a replicate" in line for line in lines) == 1


@pytest.mark.parametrize(("width", "blocks"), [(40, 2), (60, 1)])
def test_every_block_repeats_the_columns_that_tell_rows_apart(width: int, blocks: int) -> None:
    """Those before the first number: one estimator stands on several problems."""
    columns = ("estimator", "problem", "variance", "seconds")
    rows = tuple(("estimator_1", f"problem_{at}", 1.5, 0.001) for at in range(3))
    shown = record()
    study = replace(shown.studies[0], exhibits=Exhibits(tables=(Table(title="Costs", columns=columns, rows=rows),)))
    lines = render(replace(shown, studies=(study,)), width).splitlines()
    assert max(map(len, lines)) <= width
    for at in range(3):
        assert sum(f"estimator_1  problem_{at}" in line for line in lines) == blocks
