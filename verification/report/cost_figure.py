"""The cost of an estimate on one problem: variance times seconds, and rows a second, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..record.record import Cell, Check, Record
from .canvas import INK, MUTED, SERIES, Picture, decades, drawing, dress, slug, to_picture
from .overview import REFERENCES, family_of
from .quantities import count, finite, number, positive, rate, shorten, size

__all__ = ["cost_picture"]

_COLUMNS: Mapping[str, Callable[[Cell, Check], str]] = {
    "estimator": lambda cell, cost: cell.estimator,
    "bias": lambda cell, cost: "" if (bias := cell.find("bias")) is None else bias.outcome,
    "variance x seconds": lambda cell, cost: number(cost.timing.get("variance_seconds")),
    "rows a second": lambda cell, cost: rate(cost.timing.get("rows_per_second")),
    "variance": lambda cell, cost: number(None if (variance := cell.find("variance")) is None else variance.estimate),
    "evaluations a row": lambda cell, cost: count(cost.details.get("evaluations")),
    "peak memory": lambda cell, cost: size(cost.timing.get("peak_bytes")),
}
"""The picture's data table: the heading of a column and the text of its cells."""


@dataclass(frozen=True, kw_only=True)
class _Cost:
    estimator: str
    work: float | None
    speed: float | None
    apart: str
    row: tuple[str, ...]


def cost_picture(record: Record, taken: set[str]) -> tuple[str, Picture] | None:
    """Draw the cost of every estimator on the problem on which most of them were timed.

    Args:
        record: The record to show.
        taken: File names in use; that of the new picture is added.

    Returns:
        The problem's family and the picture, or None if nothing was timed.
    """
    timed = [cell for cell in record.cells if cell.estimator != REFERENCES and _collect_timed(cell)]
    if not timed:
        return None
    problem = Counter(cell.problem for cell in timed).most_common(1)[0][0]
    cells = [cell for cell in timed if cell.problem == problem]
    costs = sorted(map(_cost, cells), key=lambda each: (bool(each.apart), each.work if each.work is not None else float("inf")))
    return family_of(cells[0]), _picture(problem, costs, taken)


def _collect_timed(cell: Cell) -> bool:
    check = cell.find("cost")
    return check is not None and any(positive(check.timing.get(key)) for key in ("rows_per_second", "variance_seconds"))


def _cost(cell: Cell) -> _Cost:
    check = cell.find("cost")
    assert check is not None
    work, speed = check.timing.get("variance_seconds"), check.timing.get("rows_per_second")
    return _Cost(
        estimator=cell.estimator,
        work=work if finite(work) else None,
        speed=speed if positive(speed) else None,
        apart=_why_apart(cell),
        row=tuple(text(cell, check) for text in _COLUMNS.values()),
    )


def _why_apart(cell: Cell) -> str:
    """Return the outcome of an estimator that was not found to be unbiased: its variance is no price of a right gradient."""
    bias = cell.find("bias")
    return bias.outcome if bias is not None and bias.outcome != "unbiased" else ""


def _picture(problem: str, costs: Sequence[_Cost], taken: set[str]) -> Picture:
    names = [shorten(each.estimator, 34) + (f" ({each.apart})" if each.apart else "") for each in costs]
    first_apart = next((line for line, each in enumerate(costs) if each.apart), None)
    with drawing():
        figure = Figure(figsize=(9.6, 0.235 * len(costs) + 1.1), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        _panel(left, [each.work for each in costs], [number(each.work) for each in costs], SERIES[0], "o", first_apart)
        _panel(right, [each.speed for each in costs], [rate(each.speed) for each in costs], SERIES[2], "s", first_apart)
        left.set_yticks(range(len(names)), names)
        left.set_ylim(len(names) - 0.4, -0.6)
        left.set_xlabel("variance × seconds a row (less is better)")
        right.set_xlabel("rows a second (more is better)")
        return to_picture(
            figure,
            name=slug(f"cost-{problem}", taken),
            title=f"Cost: {problem}",
            caption=(
                "Left: the variance that remains after one second of work, with the best estimator first. Right: rows a "
                "second. Estimators that were not found to be unbiased stand below the line, with hollow marks: their variance "
                "is that of another quantity. Both axes are logarithmic. Clocks differ between machines."
            ),
            columns=tuple(_COLUMNS),
            rows=[each.row for each in costs],
        )


def _panel(
    axes: Axes, figures: Sequence[float | None], labels: Sequence[str], colour: str, marker: str, first_apart: int | None
) -> None:
    """Draw one figure of every estimator; those from the line ``first_apart`` on stand apart."""
    if first_apart is not None and first_apart > 0:
        axes.axhline(first_apart - 0.5, color=MUTED, linewidth=0.8)
    drawn = [(value, line) for line, value in enumerate(figures) if positive(value)]
    axes.set_xscale("log")
    dress(axes)
    decades(axes.xaxis, most=5)
    if not drawn:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=MUTED)
        return
    low, high = min(value for value, _ in drawn), max(value for value, _ in drawn)
    # Leave room on the right for the number beside each mark, whatever decades are shown.
    stretch = max(high / low, 10.0)
    axes.set_xlim(low / stretch**0.08, low * stretch**1.35)
    for line, value in enumerate(figures):
        if value is not None and value <= 0:  # a deterministic estimator; zero has no place on this axis
            axes.text(0.01, line, "0", transform=axes.get_yaxis_transform(), va="center_baseline", fontsize=8, color=INK)
    for value, line in drawn:
        filled = first_apart is None or line < first_apart
        axes.plot(
            [value], [line], marker=marker, color=colour, markersize=5, linestyle="none", fillstyle="full" if filled else "none"
        )
        axes.annotate(labels[line], (value, line), xytext=(6, 0), textcoords="offset points", va="center_baseline",
                      fontsize=8, color=INK)  # fmt: skip
