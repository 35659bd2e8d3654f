"""Bias against tolerance: a panel for every problem, a line for every estimator, in units of the gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from ..record.record import Cell, Record
from ..verdicts import CellWord
from .canvas import BAND, INK, MUTED, PAPER, SERIES, Picture, drawing, dress, slug, to_picture
from .overview import REFERENCES, family_of
from .quantities import number, percent, shorten
from .relative import relative_bias

__all__ = ["bias_pictures"]

PANELS_A_LINE = 4
ESTIMATORS_A_PICTURE = 50
VIEW = 3.0
"""Half the width of a panel, in tolerances; an estimate outside becomes an arrow with its value."""

_STYLE: Mapping[CellWord, tuple[str, str]] = {
    "unbiased": (SERIES[0], "o"),
    "biased": (SERIES[1], "s"),
    "inconclusive": (MUTED, "D"),
}
_PLATE = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.0}
"""The box behind a label, so that the grid does not run through it."""


@dataclass(frozen=True, kw_only=True)
class _Mark:
    cell: Cell
    word: CellWord
    relative: tuple[float, float, float] | None


def bias_pictures(record: Record, taken: set[str]) -> list[tuple[str, Picture]]:
    """Draw the bias pictures of a record.

    Args:
        record: The record to show.
        taken: File names in use; those of the new pictures are added.

    Returns:
        Pairs of a family's name and a picture; a family with more than 50 estimators has several pictures.
    """
    families: dict[str, list[_Mark]] = {}
    for cell in record.cells:
        if cell.estimator != REFERENCES:
            check = cell.find("bias")
            relative = relative_bias(cell, check) if check is not None else None
            families.setdefault(family_of(cell), []).append(_Mark(cell=cell, word=cell.word, relative=relative))
    pictures = []
    for family, marks in families.items():
        if not any(mark.relative for mark in marks):
            continue
        estimators = list(dict.fromkeys(mark.cell.estimator for mark in marks))
        for start in range(0, len(estimators), ESTIMATORS_A_PICTURE):
            shown = estimators[start : start + ESTIMATORS_A_PICTURE]
            part = [mark for mark in marks if mark.cell.estimator in shown]
            pictures.append((family, _picture(family, shown, part, record.run.tolerance, taken)))
    return pictures


def _picture(family: str, estimators: Sequence[str], marks: Sequence[_Mark], tolerance: float, taken: set[str]) -> Picture:
    problems = list(dict.fromkeys(mark.cell.problem for mark in marks))
    lines = -(-len(problems) // PANELS_A_LINE)
    columns = -(-len(problems) // lines)
    with drawing():
        height = lines * (0.235 * len(estimators) + 0.75) + 0.55
        figure = Figure(figsize=(2.1 + 2.25 * max(columns, 2), height), layout="constrained")
        panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
        for axes, problem in zip(panels.flat, problems, strict=False):
            _panel(axes, [mark for mark in marks if mark.cell.problem == problem], estimators, tolerance)
            axes.set_title(shorten(_short(problem, family), 32), fontsize=9, loc="left", color=INK)
        for axes in panels.flat[len(problems) :]:
            axes.set_axis_off()
        _legend(figure, marks)
        return to_picture(
            figure,
            name=slug(f"bias-{family}", taken),
            title=f"Bias against tolerance: {family}",
            caption=(
                "Relative error with its interval; of one parameter with its sign, of several the norm's, which has none. "
                f"The band is the tolerance of ±{percent(tolerance)}; "
                "an arrow with a number marks an estimate outside the panel."
            ),
        )


def _panel(axes: Axes, marks: Sequence[_Mark], estimators: Sequence[str], tolerance: float) -> None:
    edge = VIEW * tolerance
    axes.axvspan(-tolerance, tolerance, color=BAND, linewidth=0)
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    placed = [(mark, estimators.index(mark.cell.estimator)) for mark in marks]
    for word in _STYLE:
        inside = [
            (*mark.relative, line) for mark, line in placed if mark.relative and mark.word == word and _inside(mark, edge)
        ]
        if inside:
            _intervals(axes, inside, word, edge)
    for mark, line in placed:
        if not _inside(mark, edge):
            _label(axes, mark, line, edge)
    axes.set_xlim(-edge, edge)
    axes.set_ylim(len(estimators) - 0.4, -0.6)
    axes.set_yticks(range(len(estimators)), [shorten(each, 30) for each in estimators])
    axes.set_xticks([-2 * tolerance, -tolerance, 0.0, tolerance, 2 * tolerance])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{number(100 * value + 0.0)}"))
    dress(axes, grid="y")
    axes.set_xlabel("relative error, %")


def _inside(mark: _Mark, edge: float) -> bool:
    return mark.word in _STYLE and mark.relative is not None and abs(mark.relative[0]) < edge


def _intervals(axes: Axes, inside: Sequence[tuple[float, float, float, int]], word: CellWord, edge: float) -> None:
    """Draw all marks of one outcome at once, since a panel may hold hundreds."""
    colour, marker = _STYLE[word]
    estimates, lows, highs, lines = zip(*inside, strict=True)
    axes.hlines(lines, [max(low, -edge) for low in lows], [min(high, edge) for high in highs], color=colour, linewidth=1.6)
    face = PAPER if word == "inconclusive" else colour
    axes.plot(estimates, lines, marker=marker, color=colour, markerfacecolor=face, markersize=4.5, linestyle="none")


def _label(axes: Axes, mark: _Mark, line: int, edge: float) -> None:
    """Draw an arrow with a number for an estimate outside the panel, or a word if there is no number."""
    if mark.relative is None or abs(mark.relative[0]) < edge:
        axes.text(0.0, line, mark.word, color=MUTED, ha="center", va="center_baseline", fontsize=8, bbox=_PLATE)
        return
    side = 1 if mark.relative[0] > 0 else -1
    colour, _ = _STYLE.get(mark.word, (MUTED, ""))
    axes.plot([side * edge * 0.965], [line], marker=">" if side > 0 else "<", color=colour, markersize=5.5)
    label = percent(float(f"{mark.relative[0]:.2g}"))
    axes.text(side * edge * 0.9, line, label, color=INK, ha="right" if side > 0 else "left", va="center_baseline",
              fontsize=8, bbox=_PLATE)  # fmt: skip


def _legend(figure: Figure, marks: Sequence[_Mark]) -> None:
    present = {mark.word for mark in marks if mark.relative}
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=colour, marker=marker, markersize=4.5, label=outcome,
               markerfacecolor=PAPER if outcome == "inconclusive" else colour)
        for outcome, (colour, marker) in _STYLE.items()
        if outcome in present
    ]  # fmt: skip
    handles.append(Patch(color=BAND, label="within tolerance"))
    figure.legend(handles=handles, loc="outside lower left", ncols=4, frameon=False, fontsize=9, borderpad=0.2)


def _short(problem: str, family: str) -> str:
    """Return a problem's key without the family that stands in the title, if anything is left."""
    rest = problem.removeprefix(family).lstrip(":/")
    return rest or problem
