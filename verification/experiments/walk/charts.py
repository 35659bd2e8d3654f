"""The charts of the study."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ...problems.calibration_law import path_moments
from ...problems.calibration_walk import SHIFT
from ...study import Chart, Region, Series
from .design import EXACT, LONG_STEPS, PATH_STEPS, TRAIN_STEPS, Design, Loss, Split
from .losses import Target, exact_gradient
from .result import JobResult
from .summary import Findings, curve

__all__ = ["charts"]

Array = NDArray[np.float64]

_LEAST = 1e-3

_TITLES = {"trajectory": "MSE between trajectories", "mean": "MSE between mean trajectories"}


def charts(findings: Findings) -> tuple[Chart, ...]:
    """Every chart, for the first split; the tables hold the others."""
    design = findings.design
    split = design.splits[0]
    drawn = [_landscape(design, split)]
    for loss in design.losses:
        drawn += [_error(findings, split, loss), _ratio(findings, split, loss)]
        drawn += [_theta(findings, split, loss, place) for place in range(len(design.starts))]
    first = design.losses[0]
    drawn += [_paths(findings, split, first, place) for place in range(len(design.starts))]
    for place in sorted({0, len(design.starts) - 1}):
        drawn += [_long_paths(findings, split, first, place), _ratios(findings, split, first, place)]
    return tuple(drawn)


def _paths(findings: Findings, split: Split, loss: Loss, place: int) -> Chart:
    law = path_moments(torch.tensor([SHIFT], dtype=torch.float64), PATH_STEPS)
    baseline = (0.0, *law.mean[:, 0].tolist())
    return Chart(
        name=f"walk-paths-from-{_key(findings, place)}",
        title=f"Calibrated walks, started at theta = {_start(findings, place)}",
        caption=f"Mean position over the steps; {_TITLES[loss]}, {split} split. Bands: 95 % over seeds.",
        x_label="step",
        y_label="mean position",
        series=(
            _dashed("baseline", range(PATH_STEPS + 1), baseline),
            *(_of(each, each.mean, place, range(PATH_STEPS + 1)) for each in findings.select(split=split, loss=loss)),
        ),
        regions=_regions(split),
    )


def _long_paths(findings: Findings, split: Split, loss: Loss, place: int) -> Chart:
    law = path_moments(torch.tensor([SHIFT], dtype=torch.float64), LONG_STEPS)
    results = findings.select(split=split, loss=loss)
    count = len(results[0].long_mean) if results else 2
    steps = np.linspace(0, LONG_STEPS, count).astype(int)
    baseline = np.concatenate(([0.0], law.mean[:, 0].numpy()))[steps]
    return Chart(
        name=f"walk-1000-steps-from-{_key(findings, place)}",
        title=f"1,000 steps, started at theta = {_start(findings, place)}",
        caption=f"Mean position of the walks calibrated on {_TITLES[loss]}, {split} split, ten times further.",
        x_label="step",
        y_label="mean position",
        series=(_dashed("baseline", steps, baseline), *(_of(each, each.long_mean, place, steps) for each in results)),
    )


def _ratios(findings: Findings, split: Split, loss: Loss, place: int) -> Chart:
    steps = range(1, PATH_STEPS + 1)
    return Chart(
        name=f"walk-variance-ratio-from-{_key(findings, place)}",
        title=f"Variance ratio, started at theta = {_start(findings, place)}",
        caption="Variance of the calibrated walk's position over that of the baseline trajectories, step by step. One is a "
        "match; once a walk has settled its variance does not depend on theta, so there the ratio is one for any theta. Means "
        "over seeds; their common wiggle is the baselines' noise.",
        x_label="step",
        y_label="variance ratio, simulated / baseline",
        series=(
            _dashed("baseline", steps, [1.0] * PATH_STEPS),
            *(_bare(_of(each, each.ratio, place, steps)) for each in findings.select(split=split, loss=loss)),
        ),
        regions=_regions(split),
    )


def _theta(findings: Findings, split: Split, loss: Loss, place: int) -> Chart:
    iterations = range(findings.design.iterations + 1)
    results = findings.select(split=split, loss=loss)
    return Chart(
        name=f"walk-theta-{loss}-from-{_key(findings, place)}",
        title=f"theta over the iterations from {_start(findings, place)}: {_TITLES[loss]}",
        caption=f"{split.capitalize()} split. Bands: 95 % over seeds. A flat line is an estimator that gives no gradient.",
        x_label="iteration",
        y_label="theta",
        series=(
            _dashed("theta*", iterations, [SHIFT] * len(iterations)),
            *(_of(each, _held(each.theta, len(iterations)), place, iterations) for each in results),
        ),
    )


def _error(findings: Findings, split: Split, loss: Loss) -> Chart:
    lines = [_by_start(findings, each, "error") for each in findings.select(split=split, loss=loss)]
    return Chart(
        name=f"walk-error-{loss}",
        title=f"|theta - theta*| by start: {_TITLES[loss]}",
        caption=f"At the last iteration, {split} split. Bars: 95 % over seeds, cut off at {_LEAST}.",
        x_label="start of theta",
        y_label="|theta - theta*|",
        series=tuple(replace(each, low=tuple(max(low, _LEAST) for low in each.low)) for each in lines),
        y_log=True,
    )


def _ratio(findings: Findings, split: Split, loss: Loss) -> Chart:
    return Chart(
        name=f"walk-variance-ratio-{loss}",
        title=f"Variance ratio by start: {_TITLES[loss]}",
        caption=f"At the last iteration, {split} split, over the test part. Bars: 95 % over seeds, whose baselines they share.",
        x_label="start of theta",
        y_label="variance ratio, simulated / baseline",
        series=tuple(_by_start(findings, each, "variance_ratio") for each in findings.select(split=split, loss=loss)),
    )


def _by_start(findings: Findings, result: JobResult, figure: str) -> Series:
    """One figure of one estimator, a point a start."""
    style: Literal["dashed", "both"] = "dashed" if result.job.estimator == EXACT else "both"
    return replace(curve(result.job.estimator, findings.design.starts, result.figures[figure]), style=style)


def _landscape(design: Design, split: Split) -> Chart:
    """The slope of both losses around theta*: where it crosses zero the loss is least."""
    places = torch.linspace(SHIFT - 1, SHIFT + 1, 41, dtype=torch.float64)
    target = Target.law(SHIFT, TRAIN_STEPS if split == "time" else PATH_STEPS)
    slopes = {loss: exact_gradient(places, target, loss).tolist() for loss in design.losses}
    return Chart(
        name="walk-loss-slope",
        title="Derivative of the losses around theta*",
        caption="Exact, for infinitely many baseline trajectories. A loss is least where its derivative crosses zero.",
        x_label="theta",
        y_label="derivative of the loss",
        series=(
            _dashed("zero", places.tolist(), [0.0] * len(places)),
            *(Series(label=_TITLES[loss], x=tuple(places.tolist()), y=tuple(each)) for loss, each in slopes.items()),
        ),
    )


def _of(result: JobResult, values: Array, place: int, x: Iterable[float]) -> Series:
    """One estimator's line from one start; the exact gradient's is a reference."""
    line = curve(result.job.estimator, x, values[:, place])
    return replace(line, style="dashed") if result.job.estimator == EXACT else line


def _bare(line: Series) -> Series:
    """Without its intervals."""
    return replace(line, low=(), high=())


def _held(theta: Array, count: int) -> Array:
    """One row an iteration, also where theta could not be moved and there is only the first."""
    return theta if len(theta) == count else theta[:1].repeat(count, 0)


def _dashed(label: str, x: Iterable[float], y: Iterable[float]) -> Series:
    return Series(label=label, x=tuple(float(each) for each in x), y=tuple(float(each) for each in y), style="dashed")


def _regions(split: Split) -> tuple[Region, ...]:
    """What was trained on, and what was held out."""
    if split == "trajectories":
        return ()
    return Region(start=0.0, end=TRAIN_STEPS, label="training"), Region(start=TRAIN_STEPS, end=PATH_STEPS, label="testing")


def _key(findings: Findings, place: int) -> str:
    """A start as part of a file's name."""
    return f"{findings.design.starts[place]:g}".replace("-", "minus").replace(".", "point")


def _start(findings: Findings, place: int) -> str:
    return f"{findings.design.starts[place]:g}"
