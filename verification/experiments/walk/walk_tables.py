"""The tables of the study."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from ...problems.calibration_walk import SHIFT
from ...record.study import Table, Value
from ..spread import Spread
from .baseline import baseline
from .design import PATH_STEPS, TRAIN_STEPS, Design, Loss, Split
from .findings import Findings
from .fit import FigureName, fit
from .job_result import JobResult
from .walk_losses import Target, minimisers

__all__ = ["accuracy_tables", "fit_tables", "least_at_law", "minimiser_table", "reason_tables", "seconds_table"]

_FIGURES: dict[str, dict[FigureName, str]] = {
    "": {
        "error": "|theta - theta*|",
        "train_mse": "train MSE",
        "test_mse": "test MSE",
        "test_mean_mse": "test MSE of means",
    },
    ", distributions": {
        "wasserstein": "Wasserstein",
        "variance_ratio": "variance ratio",
        "long_error": "1,000 steps: position error",
        "long_ratio": "1,000 steps: variance ratio",
    },
}
"""The end of a table's title -> its figures with their names for a reader."""

_ACCURACY = (
    "estimator",
    "theta",
    "exact",
    "bias",
    "low",
    "high",
    "relative bias",
    "variance",
    "variance: low",
    "variance: high",
)
_LOG_QUANTILE = 1.96


def fit_tables(findings: Findings) -> tuple[Table, ...]:
    """Tabulate, per split and loss, where every estimator ends from every start, in two tables."""
    design = findings.design
    return tuple(
        Table(
            title=f"Calibrated walks: {split} split, {loss} loss{part}",
            columns=(
                *("start", "estimator", "status", "theta"),
                *(f"{name}{limit}" for name in figures.values() for limit in ("", ": low", ": high")),
            ),
            rows=(
                _floor_row(design, split, figures),
                *(
                    _fit_row(findings, result, place, figures)
                    for place in range(len(design.starts))
                    for result in findings.select(split=split, loss=loss)
                ),
            ),
            caption="Means with 95 % intervals over seeds. The first row is the walk at theta* itself, which differs from the "
            "trajectories only because their number is finite. MSE is in positions squared; Wasserstein and position error "
            "are in positions.",
        )
        for split, loss in product(design.splits, design.losses)
        for part, figures in _FIGURES.items()
    )


def _fit_row(findings: Findings, result: JobResult, place: int, figures: Iterable[FigureName]) -> tuple[Value, ...]:
    head = (findings.design.starts[place], result.job.estimator, result.status, float(result.theta[-1, place].mean()))
    return *head, *_limits(result.figures[name][place] for name in figures)


def _floor_row(design: Design, split: Split, figures: Iterable[FigureName]) -> tuple[Value, ...]:
    found = fit(torch.full((design.seeds,), SHIFT, dtype=torch.float64), baseline(design, split))
    return None, "theta* itself", "", SHIFT, *_limits(found.figures[name] for name in figures)


def _limits(values: Iterable[NDArray[np.float64]]) -> Iterator[float]:
    """Yield the mean and limits of figures that cannot be negative."""
    for each in values:
        spread = Spread.of(each)
        yield from (spread.mean, max(spread.low, 0.0), spread.high)


def reason_tables(findings: Findings) -> tuple[Table, ...]:
    """Tabulate, once per estimator, why some calibrations could not move theta; no table if all could."""
    reasons = {(each.job.estimator, each.status, each.note): None for each in findings.results if each.status != "descended"}
    if not reasons:
        return ()
    return (Table(title="Estimators that could not descend", columns=("estimator", "status", "reason"), rows=tuple(reasons)),)


def accuracy_tables(findings: Findings) -> tuple[Table, ...]:
    """Tabulate, per split and loss, the bias and variance of a batch's gradient at every start and at theta*."""
    return tuple(
        Table(
            title=f"Gradient of a batch: {split} split, {loss} loss",
            columns=_ACCURACY,
            rows=tuple(row for result in findings.select(split=split, loss=loss) for row in _accuracy_rows(findings, result)),
            caption="The gradient that one optimiser step receives, for the first seed's baseline. All bias intervals of the "
            "study together hold with 95 %; each variance interval holds with 95 % and allows for kurtosis. At theta* the "
            "exact gradient is nearly zero, so no relative bias is given.",
        )
        for split in findings.design.splits
        for loss in findings.design.losses
    )


def _accuracy_rows(findings: Findings, result: JobResult) -> list[tuple[Value, ...]]:
    rows: list[tuple[Value, ...]] = []
    for each in result.accuracy:
        bias = findings.bias(each)
        relative = None if each.theta == SHIFT else bias.mean / abs(each.exact)
        factor = math.exp(_LOG_QUANTILE * each.log_error) if math.isfinite(each.log_error) else 1.0
        limits = (each.variance / factor, each.variance * factor)
        interval = (bias.mean, bias.low, bias.high)
        rows.append((result.job.estimator, each.theta, each.exact, *interval, relative, each.variance, *limits))
    return rows


@cache
def least_at_law(split: Split, loss: Loss) -> float:
    """Return where a split's and loss's exact loss is least if the baseline is the law at theta* itself."""
    steps = TRAIN_STEPS if split == "time" else PATH_STEPS
    return float(minimisers(Target.law(SHIFT, steps), loss)[0])


def minimiser_table(design: Design) -> Table:
    """Tabulate where each loss is least: for infinitely many baseline trajectories, and for those of the seeds."""
    rows = []
    for split, loss in product(design.splits, design.losses):
        least = least_at_law(split, loss)
        spread = Spread.of(np.asarray(minimisers(Target.of(baseline(design, split).train), loss)))
        rows.append((split, loss, least, least - SHIFT, spread.mean, spread.low, spread.high))
    return Table(
        title="Minima of the losses",
        columns=("split", "loss", "theta, exact law", "minus theta*", "theta, seeds' baselines", "low", "high"),
        rows=tuple(rows),
        caption="Points at which the exact derivative is zero. The squared distance between single trajectories includes the "
        "walk's own variance, so its minimum is shifted to where that variance is smaller.",
    )


def seconds_table(findings: Findings) -> Table:
    """Tabulate how long the descents took, all starts and seeds of a job together."""
    return Table(
        title="Seconds",
        columns=("estimator", "split", "loss", "seconds", "processor seconds", "processor milliseconds per iteration"),
        rows=tuple(
            (
                each.job.estimator,
                each.job.split,
                each.job.loss,
                each.seconds,
                each.cpu_seconds,
                1e3 * each.cpu_seconds / findings.design.iterations,
            )
            for each in findings.results
        ),
        caption="Time of a job's descents: all starts and seeds in one batch, on one thread.",
    )
