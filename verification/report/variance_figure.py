"""Variance against size on logarithmic axes: measured points, exact values, and the exponent in the legend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ..record.record import Family, Record
from .canvas import MARKERS, SERIES, Picture, decades, drawing, dress, leave_room, legend_in, slug, spread, to_picture
from .exponents import FITS
from .quantities import count, finite, number, positive, shorten, span

__all__ = ["variance_pictures"]

SERIES_A_PANEL = 6
PANELS_A_LINE = 2


def variance_pictures(record: Record, taken: set[str]) -> list[tuple[str, Picture]]:
    """Draw the variance pictures of a record.

    Args:
        record: The record to show.
        taken: File names in use; those of the new pictures are added.

    Returns:
        Pairs of a family's name, up to its first slash, and its picture: one pair for each family with points to draw.
    """
    groups: dict[str, list[Family]] = {}
    for family in record.families:
        if any(_drawable(point) for point in family.points):
            groups.setdefault(family.family, []).append(family)
    return [(name.split("/")[0].split(":")[0], _picture(name, several, taken)) for name, several in groups.items()]


def _picture(name: str, families: Sequence[Family], taken: set[str]) -> Picture:
    groups = [families[start : start + SERIES_A_PANEL] for start in range(0, len(families), SERIES_A_PANEL)]
    columns = min(len(groups), PANELS_A_LINE)
    lines = -(-len(groups) // columns)
    entries = min(len(families), SERIES_A_PANEL)
    heights = (2.7, 0.2 * entries + 0.15)
    sizes = sorted({point["size"] for each in families for point in each.points if _drawable(point)})
    with drawing():
        figure = Figure(figsize=(5.4 * columns, lines * sum(heights) + 0.5), layout="constrained")
        cells = figure.add_gridspec(2 * lines, columns, height_ratios=heights * lines)
        first: Axes | None = None
        for index, group in enumerate(groups):
            line, column = divmod(index, columns)
            axes = figure.add_subplot(cells[2 * line, column], sharex=first, sharey=first)
            first = first or axes
            _panel(axes, group, sizes)
            legend_in(figure.add_subplot(cells[2 * line + 1, column]), axes)
        exact = any(finite(point.get("exact")) for each in families for point in each.points)
        return to_picture(
            figure,
            name=slug(f"variance-{name}", taken),
            title=f"Variance against size: {name}",
            caption=(
                "Variance of one replicate, with its 95 % interval, on logarithmic axes. "
                + ("Solid lines are exact values, where they are known; dotted lines join measured points elsewhere. " * exact)
                + "Hollow marks were left out of the fit. n^b is the fitted exponent with its interval."
                + f" Poor fit: {FITS['poor fit']}." * any(each.outcome == "poor fit" for each in families)
            ),
            columns=tuple(_COLUMNS),
            rows=[[text(each, point) for text in _COLUMNS.values()] for each in families for point in each.points],
        )


def _panel(axes: Axes, families: Sequence[Family], sizes: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    for index, family in enumerate(families):
        _series(axes, family, SERIES[index], MARKERS[index])
    ticks = spread(sizes)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, [number(each, digits=6) for each in ticks])
    leave_room(axes)
    decades(axes.yaxis, most=7)
    dress(axes)
    axes.set_xlabel("size n")
    axes.set_ylabel("variance of one replicate")


def _series(axes: Axes, family: Family, colour: str, marker: str) -> None:
    points = [point for point in family.points if _drawable(point)]
    exact = [(point["size"], point["exact"]) for point in points if positive(point.get("exact"))]
    if exact:
        axes.plot(*zip(*exact, strict=True), color=colour, linewidth=1.1)
    else:
        line = [(point["size"], point["variance"]) for point in points]
        axes.plot(*zip(*line, strict=True), color=colour, linewidth=1.0, linestyle=":")
    for used in (True, False):
        chosen = [point for point in points if bool(point.get("used", True)) is used]
        if chosen:
            _bars(axes, chosen, colour, marker, filled=used)
    axes.plot([], [], color=colour, marker=marker, markersize=5, linestyle="-" if exact else ":", label=_label(family))


def _bars(axes: Axes, points: Sequence[Mapping[str, Any]], colour: str, marker: str, *, filled: bool) -> None:
    variance = [point["variance"] for point in points]
    limits = [point.get("interval") or (value, value) for point, value in zip(points, variance, strict=True)]
    # A limit that is zero or missing has no place on a logarithmic axis; its bar ends at the point.
    below = [value - low if positive(low) else 0.0 for value, (low, _) in zip(variance, limits, strict=True)]
    above = [high - value if finite(high) else 0.0 for value, (_, high) in zip(variance, limits, strict=True)]
    errors = [[max(each, 0.0) for each in side] for side in (below, above)]
    axes.errorbar([point["size"] for point in points], variance, yerr=errors, color=colour, marker=marker, markersize=5,
                  linestyle="none", capsize=2.5, elinewidth=1.1,
                  markerfacecolor=colour if filled else "none")  # fmt: skip


def _label(family: Family) -> str:
    name = shorten(family.estimator, 34)
    if family.exponent is None:
        return f"{name}: {family.outcome}"
    flag = "" if family.outcome == "fitted" else f" ({family.outcome})"
    return f"{name}: n^{number(family.exponent)} {span(family.interval)}{flag}"


def _drawable(point: Mapping[str, Any]) -> bool:
    return positive(point.get("size")) and positive(point.get("variance"))


_COLUMNS: Mapping[str, Callable[[Family, Mapping[str, Any]], str]] = {
    "estimator": lambda family, point: family.estimator,
    "size": lambda family, point: number(point.get("size"), digits=6),
    "variance": lambda family, point: number(point.get("variance")),
    "interval": lambda family, point: span(point.get("interval")),
    "exact": lambda family, point: number(point.get("exact")),
    "rows": lambda family, point: count(point.get("num_samples")),
    "used in the fit": lambda family, point: "yes" if point.get("used", True) else "no",
}
"""The picture's data table: the heading of a column and the text of its cells."""
