"""The self-test in one picture: false alarms, rows needed to find a planted bug, and power."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ..report.canvas import INK, MARKERS, MUTED, SERIES, Picture, decades, drawing, dress, to_picture
from ..report.quantities import number, percent, shorten
from .selftest_record import NullRow, SelfTest

__all__ = ["draw_selftest"]

_NO_SIZE = 1e-4
"""The place on the axis of sizes for planted bugs without a bias: left of the smallest size."""


def draw_selftest(selftest: SelfTest) -> Picture:
    """Draw a self-test in three panels, and return it with the table of false alarms."""
    laws = list(dict.fromkeys(each.law for each in selftest.nulls))
    with drawing():
        figure = Figure(figsize=(10.4, max(6.4, 2.0 + 0.3 * len(laws))), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=(1.15, 1.0))
        _false_alarms(figure.add_subplot(grid[:, 0]), selftest, laws)
        _kills(figure.add_subplot(grid[0, 1]), selftest)
        _power(figure.add_subplot(grid[1, 1]), selftest)
        return to_picture(
            figure,
            name="selftest",
            title="The verifier verified",
            caption=(
                "False alarms of the first stage in units of its nominal rate, with exact 95 % intervals; the rows drawn until "
                "a planted bug was found; the share of biases found against their size."
            ),
            columns=("law", "event", "nominal", "runs", "alarms"),
            rows=[(each.law, each.event, number(each.nominal), str(each.runs), str(each.alarms)) for each in selftest.nulls],
        )


def _false_alarms(axes: Axes, selftest: SelfTest, laws: list[str]) -> None:
    rows = [each for each in selftest.nulls if each.event == "first stage"]
    rates = sorted({each.nominal for each in rows}, reverse=True)
    for place, nominal in enumerate(rates):
        shift = 0.24 * (place - (len(rates) - 1) / 2)
        for each in (each for each in rows if each.nominal == nominal):
            _ratio(axes, each, laws.index(each.law) + shift, place)
        axes.plot([], [], color=SERIES[place], marker=MARKERS[place], markersize=4.5, label=f"nominal {number(nominal)}")
    axes.axvline(1.0, color=INK, linewidth=1.0, linestyle="--")
    axes.set_yticks(range(len(laws)), [shorten(each, 36) for each in laws])
    axes.set_ylim(len(laws) - 0.4, -0.6)
    axes.set_xlim(left=0.0)
    axes.set_xlabel("false alarms over the nominal rate, first stage")
    axes.set_title("False alarms", fontsize=9, loc="left", color=INK)
    dress(axes, grid="x")
    axes.legend(loc="lower right", bbox_to_anchor=(0.93, 0.0), fontsize=8, edgecolor="none")


def _ratio(axes: Axes, row: NullRow, line: float, place: int) -> None:
    low, high = (each / row.nominal for each in row.interval)
    axes.hlines(line, low, high, color=SERIES[place], linewidth=1.4)
    axes.plot([row.rate / row.nominal], [line], marker=MARKERS[place], markersize=4.5, color=SERIES[place])


def _kills(axes: Axes, selftest: SelfTest) -> None:
    for place, check in enumerate(dict.fromkeys(each.check for each in selftest.kills if each.check)):
        found = [each for each in selftest.kills if each.check == check]
        sizes = [each.size or _NO_SIZE for each in found]
        # The structural checks draw 64 rows, which the record does not count.
        rows = [max(each.num_samples, 64) for each in found]
        label = f"{check.replace('_', ' ')} ({len(found)})"
        axes.plot(sizes, rows, MARKERS[place], markersize=5, color=SERIES[place], label=label, alpha=0.75)
    lost = [each for each in selftest.kills if each.outcome == "survived"]
    if lost:
        axes.plot([each.size or _NO_SIZE for each in lost], [max(each.num_samples, 64) for each in lost], linestyle="none",
                  marker="x", markersize=7, markeredgewidth=2, color=INK, label=f"survived ({len(lost)})")  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    decades(axes.yaxis)
    axes.set_xticks([_NO_SIZE, 1e-3, 0.01, 0.1, 1.0])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: "no bias" if value < 1.5 * _NO_SIZE else percent(value)))
    axes.minorticks_off()
    axes.set_xlabel("planted bias, of the gradient's scale")
    axes.set_ylabel("rows drawn")
    axes.set_title("Planted bugs", fontsize=9, loc="left", color=INK)
    dress(axes)
    axes.legend(frameon=False, loc="lower right", fontsize=8)


def _power(axes: Axes, selftest: SelfTest) -> None:
    for place, law in enumerate(dict.fromkeys(each.law for each in selftest.power)):
        rows = [each for each in selftest.power if each.law == law]
        shift = 0.012 * (place - 1)
        biases = [each.bias + shift for each in rows]
        reach = [[each.rate - each.interval[0] for each in rows], [each.interval[1] - each.rate for each in rows]]
        predicted = [each.predicted for each in rows]
        axes.plot([each.bias for each in rows], predicted, color=SERIES[place], linewidth=1.0, alpha=0.7)
        axes.errorbar(biases, [each.rate for each in rows], yerr=reach, linestyle="none", marker=MARKERS[place], markersize=4.5,
                      color=SERIES[place], label=law)  # fmt: skip
    axes.axhline(0.9, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set_ylim(-0.03, 1.05)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(value + 0.0)))
    axes.set_xlabel("bias, in units of the detectable one")
    axes.set_ylabel("found")
    axes.set_title("Power: measured (marks) and predicted (lines)", fontsize=9, loc="left", color=INK)
    dress(axes)
    axes.legend(frameon=False, loc="lower right", fontsize=8)
