"""The charts of the study."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ...problems.calibration_law import path_moments
from ...problems.calibration_walk import SHIFT
from ...record.study import Chart, Region, Series
from ..spread import make_curve
from .design import EXACT, LONG_STEPS, PATH_STEPS, TRAIN_STEPS, Design, Loss, Split
from .findings import Findings
from .fit import FigureName
from .job_result import JobResult
from .walk_losses import Target, exact_gradient

__all__ = ["charts"]

Array = NDArray[np.float64]

_LEAST = 1e-3
_STILL = 1e-3  # a theta that moved by less counts as not moved
_SIDE_BY_SIDE = 0.6  # of the room between two starts

_TITLES: dict[Loss, str] = {"trajectory": "MSE between trajectories", "mean": "MSE between mean trajectories"}


def charts(findings: Findings) -> tuple[Chart, ...]:
    """Return every chart: theta for all splits, the others for the first split only; tables cover the rest."""
    design = findings.design
    drawn = [_landscape(design, design.splits[0])]
    first = [_View(findings, design.splits[0], loss) for loss in design.losses]
    for view in first:
        drawn += [_error(view), _ratio(view)]
    for split in design.splits:
        views = [_View(findings, split, loss) for loss in design.losses]
        drawn += [_theta(view, place) for view in views for place in range(len(design.starts))]
    drawn += [_paths(first[0], place) for place in range(len(design.starts))]
    for place in sorted({0, len(design.starts) - 1}):
        drawn += [_long_paths(first[0], place), _ratios(first[0], place)]
    return tuple(drawn)


@dataclass(frozen=True, eq=False)
class _View:
    """The results of one split and loss."""

    findings: Findings
    split: Split
    loss: Loss

    @property
    def results(self) -> list[JobResult]:
        return self.findings.select(split=self.split, loss=self.loss)

    @property
    def coinciding_lines_note(self) -> str:
        """A sentence on coinciding lines: estimators whose theta stayed at its start share one line."""
        still = [each.job.estimator for each in self.results if abs(each.theta[-1] - each.theta[0]).max() < _STILL]
        return f" Theta does not move with {' and '.join(still)}, whose lines coincide." if len(still) > 1 else ""


@dataclass(frozen=True)
class _Axes:
    """The abscissa of a chart of one start, and its reference line."""

    x: tuple[float, ...]
    x_label: str
    y_label: str
    reference: Series
    regions: tuple[Region, ...] = ()


def _from_start(view: _View, place: int, axes: _Axes, lines: Iterable[Array], *, name: str, title: str, caption: str) -> Chart:
    """Return a chart of one start with one line per estimator, whose values are ``[n, starts, seeds]``."""
    start = f"{view.findings.design.starts[place]:g}"
    drawn = (make_curve(each.job.estimator, axes.x, y[:, place]) for each, y in zip(view.results, lines, strict=True))
    return Chart(
        name=f"{name}-from-{start.replace('-', 'minus').replace('.', 'point')}",
        title=f"{title} {start}",
        caption=caption + view.coinciding_lines_note,
        x_label=axes.x_label,
        y_label=axes.y_label,
        series=(axes.reference, *(replace(each, style="dashed") if each.label == EXACT else each for each in drawn)),
        regions=axes.regions,
    )


def _paths(view: _View, place: int) -> Chart:
    steps = _floats(range(PATH_STEPS + 1))
    baseline = _reference("baseline", steps, _mean_path(PATH_STEPS))
    return _from_start(
        view,
        place,
        _Axes(steps, "step", "mean position", baseline, _regions(view.split)),
        [each.mean for each in view.results],
        name="walk-paths",
        title="Calibrated walks, started at theta =",
        caption=f"Mean position over the steps; {_TITLES[view.loss]}, {view.split} split. Bands: 95 % over seeds.",
    )


def _long_paths(view: _View, place: int) -> Chart:
    count = len(view.results[0].long_mean) if view.results else 2
    steps = np.linspace(0, LONG_STEPS, count).astype(int)
    baseline = _reference("baseline", _floats(steps), _mean_path(LONG_STEPS)[steps])
    return _from_start(
        view,
        place,
        _Axes(_floats(steps), "step", "mean position", baseline),
        [each.long_mean for each in view.results],
        name="walk-1000-steps",
        title="1,000 steps, started at theta =",
        caption=f"Mean position of the walks calibrated on {_TITLES[view.loss]}, {view.split} split, ten times further. "
        "Bands: 95 % over seeds.",
    )


def _ratios(view: _View, place: int) -> Chart:
    steps = _floats(range(1, PATH_STEPS + 1))
    chart = _from_start(
        view,
        place,
        _Axes(steps, "step", "variance ratio, simulated / baseline", _reference("baseline", steps, 1.0), _regions(view.split)),
        [each.ratio for each in view.results],
        name="walk-variance-ratio",
        title="Variance ratio, started at theta =",
        caption="Variance of the calibrated walk's position, divided by that of the baselines, step by step. One is a "
        "match. The variance of a settled walk does not depend on theta, so there the ratio is one for any theta. Means over "
        "seeds; their common fluctuation is the baselines' noise.",
    )
    return replace(chart, series=tuple(replace(each, low=(), high=()) for each in chart.series))


def _theta(view: _View, place: int) -> Chart:
    design = view.findings.design
    iterations = _floats(range(design.iterations + 1))
    # The names of the first split's charts do not contain the split.
    split = "" if view.split == design.splits[0] else f"{view.split}-"
    return _from_start(
        view,
        place,
        _Axes(iterations, "iteration", "theta", _reference("theta*", iterations, SHIFT)),
        [_hold_first_row(each.theta, len(iterations)) for each in view.results],
        name=f"walk-theta-{split}{view.loss}",
        title=f"theta over the iterations, {_TITLES[view.loss]}, {view.split} split, from",
        caption="Means and 95 % bands over seeds. A flat line belongs to an estimator that gives no gradient.",
    )


def _error(view: _View) -> Chart:
    chart = _by_start(
        view,
        "error",
        name=f"walk-error-{view.loss}",
        title="|theta - theta*| by start",
        caption=f"Values at the last iteration, {view.split} split. Bars: 95 % over seeds, cut off at {_LEAST}.",
        y_label="|theta - theta*|",
    )
    cut = (replace(each, low=tuple(max(low, _LEAST) for low in each.low)) for each in chart.series)
    return replace(chart, series=tuple(cut), y_log=True)


def _ratio(view: _View) -> Chart:
    return _by_start(
        view,
        "variance_ratio",
        name=f"walk-variance-ratio-{view.loss}",
        title="Variance ratio by start",
        caption=f"Values at the last iteration, {view.split} split, over the test part. Bars: 95 % over seeds. The ratio of a "
        "walk at theta* differs from one only by the noise of its baselines, which all estimators share.",
        y_label="variance ratio, simulated / baseline",
    )


def _by_start(view: _View, figure: FigureName, *, name: str, title: str, caption: str, y_label: str) -> Chart:
    """Return a chart of one figure with one point per estimator and start, side by side at each start."""
    starts = view.findings.design.starts
    room = _SIDE_BY_SIDE * min((abs(a - b) for a in starts for b in starts if a != b), default=1.0)
    estimators = [each for each in view.results if each.job.estimator != EXACT]
    moved = {each.job: room * (place / max(len(estimators) - 1, 1) - 0.5) for place, each in enumerate(estimators)}
    drawn = (
        make_curve(each.job.estimator, [start + moved.get(each.job, 0.0) for start in starts], each.figures[figure])
        for each in view.results
    )
    return Chart(
        name=name,
        title=f"{title}: {_TITLES[view.loss]}",
        caption=f"{caption} The points of one start stand side by side.",
        x_label="start of theta",
        y_label=y_label,
        series=tuple(replace(each, style="dashed" if each.label == EXACT else "points") for each in drawn),
    )


def _landscape(design: Design, split: Split) -> Chart:
    """Return a chart of both losses' slopes around theta*; a loss is least where its slope is zero."""
    places = torch.linspace(SHIFT - 1, SHIFT + 1, 41, dtype=torch.float64)
    target = Target.law(SHIFT, TRAIN_STEPS if split == "time" else PATH_STEPS)
    slopes = {loss: exact_gradient(places, target, loss).tolist() for loss in design.losses}
    x = tuple(places.tolist())
    return Chart(
        name="walk-loss-slope",
        title="Derivative of the losses around theta*",
        caption=f"Exact, for infinitely many baseline trajectories, {split} split. A loss is least where this is zero.",
        x_label="theta",
        y_label="derivative of the loss",
        series=(
            _reference("zero", x, 0.0),
            *(Series(label=_TITLES[loss], x=x, y=tuple(each)) for loss, each in slopes.items()),
        ),
    )


def _regions(split: Split) -> tuple[Region, ...]:
    """Return the training and testing regions of the tutorial's figure; splitting trajectories has no regions."""
    if split == "trajectories":
        return ()
    return Region(start=0, end=TRAIN_STEPS, label="training"), Region(start=TRAIN_STEPS, end=PATH_STEPS, label="testing")


def _mean_path(steps: int) -> Array:
    """Return the mean position at theta*, ``[steps + 1]``."""
    law = path_moments(torch.tensor([SHIFT], dtype=torch.float64), steps)
    return np.concatenate(([0.0], law.mean[:, 0].numpy()))


def _hold_first_row(theta: Array, count: int) -> Array:
    """Return one row per iteration; if theta never moved there is only a first row, which is repeated."""
    return theta if len(theta) == count else theta[:1].repeat(count, 0)


def _reference(label: str, x: tuple[float, ...], y: float | Array) -> Series:
    return Series(label=label, x=x, y=_floats(np.broadcast_to(y, len(x))), style="dashed")


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(each) for each in values)
