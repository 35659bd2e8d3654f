"""Pictures: what is drawn, that it is legible with many estimators, and that settings do not leak."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from gradverify.verification.record.record import Check, Record
from gradverify.verification.report import bias_figure, cost_figure, variance_figure
from gradverify.verification.report.canvas import Picture
from gradverify.verification.report.figures import pictures


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_svg_is_xml_without_dates(written: Path) -> None:
    for path in written.glob("*.svg"):
        ElementTree.fromstring(path.read_bytes())
        assert "dc:date" not in _text(path)


def test_clipped_estimates_carry_their_number(written: Path) -> None:
    assert "-57 %" in _text(written / "bias-random_walk.svg")


def test_what_has_no_number_is_named(written: Path) -> None:
    text = _text(written / "bias-random_walk.svg")
    assert "no-gradient" in text
    assert "crashed" in text


def test_exponents_stand_in_the_legend(written: Path) -> None:
    text = _text(written / "variance-random_walk-square-p.svg")
    assert "score_function: n^1 [0.96, 1.05]" in text
    assert "(poor fit)" in text
    assert "too few points" in text


def test_settings_do_not_leak(full_record: Callable[..., Record]) -> None:
    before = dict(matplotlib.rcParams)
    pictures(full_record(2, 2))
    assert dict(matplotlib.rcParams) == before


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Figure, list[Text]]]:
    """Every figure from here on with the texts that were put on paper (ticks out of view are not)."""
    figures: list[tuple[Figure, list[Text]]] = []
    draw = Text.draw

    def note(text: Text, renderer: object) -> None:
        if text.get_text().strip() and text not in figures[-1][1]:
            figures[-1][1].append(text)
        draw(text, renderer)  # type: ignore[arg-type]

    def lay_out(figure: Figure, *, name: str, title: str, **_: object) -> Picture:
        figure.suptitle(title, x=0.006, ha="left", fontsize=10, fontweight="bold")
        figures.append((figure, []))
        FigureCanvasAgg(figure).draw()
        return Picture(name=name, title=title, caption="", svg=b"", png=b"")

    monkeypatch.setattr(Text, "draw", note)
    for module in (bias_figure, cost_figure, variance_figure):
        monkeypatch.setattr(module, "to_picture", lay_out)
    return figures


@pytest.mark.parametrize(("estimators", "problems"), [(1, 1), (14, 5), (40, 2)])
def test_no_text_overlaps_and_none_leaves_its_figure(
    full_record: Callable[..., Record], drawn: list[tuple[Figure, list[Text]]], estimators: int, problems: int
) -> None:
    pictures(full_record(estimators, problems))
    assert len(drawn) == 3
    for figure, texts in drawn:
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
        for (first, one), (second, two) in combinations(boxes, 2):
            across, down = min(one.x1, two.x1) - max(one.x0, two.x0), min(one.y1, two.y1) - max(one.y0, two.y0)
            assert across <= 1 or down <= 1, (first, second)
        for name, box in boxes:
            assert min(box.x0, box.y0) >= -1, name
            assert box.x1 <= figure.bbox.x1 + 1, name
            assert box.y1 <= figure.bbox.y1 + 1, name


def test_many_sizes_share_one_axis(full_record: Callable[..., Record], drawn: list[tuple[Figure, list[Text]]]) -> None:
    record = full_record(1, 1)
    points = tuple({"size": size, "variance": float(size)} for size in range(10, 1000, 7))
    crowded = replace(record, families=(replace(record.families[0], points=points),))
    pictures(crowded)
    sizes = [text for text in drawn[-1][1] if text.get_text() in {str(point["size"]) for point in points}]
    assert len(sizes) > 5
    for one, two in combinations([text.get_window_extent() for text in sizes], 2):
        assert min(one.x1, two.x1) - max(one.x0, two.x0) <= 1 or min(one.y1, two.y1) - max(one.y0, two.y0) <= 1


def test_many_estimators_take_several_pictures(
    full_record: Callable[..., Record], drawn: list[tuple[Figure, list[Text]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bias_figure, "ESTIMATORS_A_PICTURE", 2)
    names = [picture.name for picture in pictures(full_record(3, 1)).all()]
    assert names[:2] == ["bias-random_walk", "bias-random_walk-2"]
    assert len(drawn) == len(names)


def test_a_variance_of_zero_stands_first_and_is_written(small_record: Callable[..., Record]) -> None:
    """Zero has no place on a logarithmic axis, and is the best that a cost can be."""
    costs = [
        Check(check="cost", outcome="measured", timing={"variance_seconds": work, "rows_per_second": 5e5})
        for work in (3.0, 0.0)
    ]
    record = small_record()
    cells = tuple(replace(record.cells[0], estimator=f"e{index}", checks=(cost,)) for index, cost in enumerate(costs))
    picture = pictures(replace(record, cells=cells)).all()[0]
    assert [row[0] for row in picture.rows] == ["e1", "e0"]
    assert re.search(r"<text[^>]*>0</text>", picture.svg.decode())


def test_estimators_that_are_not_unbiased_stand_apart(small_record: Callable[..., Record]) -> None:
    """A biased estimator of little variance is no better than an unbiased one."""
    record = small_record()
    outcomes = {"cheap": "biased", "silent": "no-gradient", "slow": "unbiased", "fast": "unbiased"}
    works = {"cheap": 0.1, "silent": 0.2, "slow": 9.0, "fast": 3.0}
    cells = tuple(
        replace(
            record.cells[0],
            estimator=name,
            checks=(
                Check(check="bias", outcome=outcome, claim="none"),
                Check(check="cost", outcome="measured", timing={"variance_seconds": works[name], "rows_per_second": 5e5}),
            ),
        )
        for name, outcome in outcomes.items()
    )
    picture = next(each for each in pictures(replace(record, cells=cells)).all() if each.name.startswith("cost"))
    assert [row[:2] for row in picture.rows] == [
        ("fast", "unbiased"),
        ("slow", "unbiased"),
        ("cheap", "biased"),
        ("silent", "no-gradient"),
    ]
    assert "cheap (biased)" in picture.svg.decode()
