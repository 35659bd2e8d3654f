"""A study's charts: lines and points with their intervals, a legend below, and a table of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ..record.study import Chart, Series, Study
from .canvas import (
    BAND,
    INK,
    MARKERS,
    MUTED,
    SERIES,
    Picture,
    decades,
    drawing,
    dress,
    leave_room,
    legend_in,
    slug,
    spread,
    to_picture,
)
from .quantities import MISSING, finite, number, positive, shorten

__all__ = ["study_pictures"]

LABELS_A_PANEL = 8
PANELS_A_LINE = 2
MOST_MARKED_TICKS = 12
MARKS_A_LINE = 6
_REFERENCE_DASHES = ("--", ":", "-.", (0, (6, 2, 1, 2, 1, 2)))


def study_pictures(study: Study, taken: set[str]) -> list[Picture]:
    """Draw a study's charts, those that the seed reproduces before those of clocks and memory.

    Args:
        study: The study to show.
        taken: File names in use; those of the new pictures are added.
    """
    charts = [each for each in (*study.exhibits.charts, *study.timing.charts) if each.series]
    # An estimator has one colour in all charts of a study.
    order = list(dict.fromkeys(label for each in charts for label in _list_labels(each)))
    return [_picture(each, order, taken) for each in charts]


def _picture(chart: Chart, order: Sequence[str], taken: set[str]) -> Picture:
    labels = _list_labels(chart)
    references = [each for each in _labels(chart.series) if each not in labels]
    # Panels get even shares: nine labels are split into five and four, not into eight and one.
    panels = max(1, -(-len(labels) // LABELS_A_PANEL))
    groups = _batches(labels, -(-len(labels) // panels) or 1)
    columns = min(len(groups), PANELS_A_LINE)
    lines = -(-len(groups) // columns)
    entries = max(len(each) for each in groups) + len(references)
    heights = (3.2, 0.2 * entries + 0.15)
    with drawing():
        figure = Figure(figsize=(6.4 if columns == 1 else 5.4 * columns, lines * sum(heights) + 0.5), layout="constrained")
        cells = figure.add_gridspec(2 * lines, columns, height_ratios=heights * lines)
        first: Axes | None = None
        for index, group in enumerate(groups):
            line, column = divmod(index, columns)
            axes = figure.add_subplot(cells[2 * line, column], sharex=first, sharey=first)
            first = first or axes
            _panel(axes, chart, _colours(group, order), references)
            legend_in(figure.add_subplot(cells[2 * line + 1, column]), axes)
        return to_picture(
            figure,
            name=slug(chart.name, taken),
            title=chart.title,
            caption=chart.caption,
            columns=("series", chart.x_label, chart.y_label, "lower limit", "upper limit"),
            rows=[row for each in chart.series for row in _rows(each)],
        )


def _batches(labels: list[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(labels[start : start + size]) for start in range(0, len(labels), size)] or [()]


def _labels(series: Sequence[Series]) -> list[str]:
    return list(dict.fromkeys(each.label for each in series))


def _list_labels(chart: Chart) -> list[str]:
    """Return the labels that have a colour of their own."""
    return [each for each in _labels(chart.series) if not _is_reference(each, chart)]


def _colours(labels: Sequence[str], order: Sequence[str]) -> dict[str, int]:
    """Choose a colour for every label of a panel: that of its place among the study's labels, or the next one that is free."""
    chosen: dict[str, int] = {}
    for label in labels:
        first = order.index(label)
        free = (at % len(SERIES) for at in range(first, first + len(SERIES)) if at % len(SERIES) not in chosen.values())
        chosen[label] = next(free)
    return chosen


def _is_reference(label: str, chart: Chart) -> bool:
    """True if a label is always dashed: the others are compared with it, and it stands in every panel."""
    return all(each.style == "dashed" for each in chart.series if each.label == label)


def _panel(axes: Axes, chart: Chart, labels: Mapping[str, int], references: Sequence[str]) -> None:
    if chart.x_log:
        axes.set_xscale("log")
    if chart.y_log:
        axes.set_yscale("log")
    for index, region in enumerate(chart.regions):
        axes.axvspan(region.start, region.end, color=BAND, alpha=0.45 if index % 2 else 1.0, linewidth=0)
        axes.text((region.start + region.end) / 2, 1.01, region.label, transform=axes.get_xaxis_transform(), ha="center",
                  va="bottom", fontsize=8, color=MUTED)  # fmt: skip
    for label, index in labels.items():
        for each in chart.series:
            if each.label == label:
                _draw(axes, each, chart, index)
        axes.plot([], [], color=SERIES[index], marker=MARKERS[index], markersize=5, label=shorten(label, 52))
    for index, label in enumerate(references):
        dashes = _REFERENCE_DASHES[index % len(_REFERENCE_DASHES)]
        for each in chart.series:
            if each.label == label:
                axes.plot(*_points(each, chart)[:2], color=INK, linewidth=1.1, linestyle=dashes)
        axes.plot([], [], color=INK, linestyle=dashes, label=shorten(label, 52))
    leave_room(axes)
    _ticks(axes, chart)
    dress(axes)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)


def _draw(axes: Axes, series: Series, chart: Chart, index: int) -> None:
    colour, marker = SERIES[index], MARKERS[index]
    x, y, low, high = _points(series, chart)
    if series.style == "dashed":
        axes.plot(x, y, color=colour, linewidth=1.1, linestyle="--")
        return
    if series.style == "both":
        axes.plot(x, y, color=colour)
    if series.style == "line":
        axes.plot(x, y, color=colour, marker=marker, markersize=4, markevery=_sparsely(len(x), index))
    if series.style in ("points", "both"):
        below = [max(value - limit, 0.0) for value, limit in zip(y, low, strict=True)]
        above = [max(limit - value, 0.0) for value, limit in zip(y, high, strict=True)]
        axes.errorbar(x, y, yerr=(below, above), color=colour, marker=marker, markersize=5, linestyle="none", capsize=2.5,
                      elinewidth=1.1)  # fmt: skip
    elif series.low:
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def _sparsely(count: int, index: int) -> tuple[int, int]:
    """Return the first mark and the step of a line's marks: few marks, and not where another line has its own."""
    step = max(count // MARKS_A_LINE, 1)
    return step * index // len(MARKERS), step


def _points(series: Series, chart: Chart) -> tuple[list[float], list[float], list[float], list[float]]:
    """Return the points that have a place on the axes; a limit that is missing or off a logarithmic axis ends at the point."""
    fits_x, fits_y = (positive if chart.x_log else finite), (positive if chart.y_log else finite)
    kept = [
        (x, y, low if fits_y(low) else y, high if fits_y(high) else y)
        for x, y, low, high in zip_longest(series.x, series.y, series.low, series.high)
        if fits_x(x) and fits_y(y)
    ]
    return tuple([row[at] for row in kept] for at in range(4))  # type: ignore[return-value]


def _ticks(axes: Axes, chart: Chart) -> None:
    """Set the ticks; a few abscissae on a logarithmic axis are marked one by one."""
    marked = sorted({x for each in chart.series for x in each.x if positive(x)})
    if chart.x_log and 1 < len(marked) <= MOST_MARKED_TICKS:
        shown = spread(marked)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(shown, [number(each, digits=6) for each in shown])
    elif chart.x_log:
        decades(axes.xaxis)
    if chart.y_log:
        decades(axes.yaxis, most=7, halves=True)


def _rows(series: Series) -> list[tuple[str, ...]]:
    limits = zip_longest(series.x, series.y, series.low, series.high)
    label = f"{series.label} (reference)" if series.style == "dashed" else series.label
    return [(label, number(x, digits=6), number(y, digits=5), *(_limit(each) for each in both)) for x, y, *both in limits]


def _limit(value: float | None) -> str:
    return MISSING if value is None else number(value, digits=5)
