"""The measurements of a record for every estimator at every size of a series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..record.record import Cell, Record
from ..verdicts import Outcome

__all__ = ["Point", "series_points"]

_AGREES: Mapping[Outcome, bool] = {"matches exact": True, "differs from exact": False}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One estimator at one size.

    Attributes:
        estimator: The name of the estimator.
        size: The size n.
        rows: The number of replicates drawn.
        variance: The variance of one replicate.
        interval: The 95 % interval of the variance.
        measurable: True if the rows have seen enough of their tail for the variance to be trusted.
        exact: The exact variance, where it is known.
        agrees: True if the measured variance matches the exact one; None if the run did not compare them.
        biased: True if the verdict is ``biased``.
        bias: The mean minus the gradient.
        bias_interval: The interval of the bias, which holds at every look.
        relative_bias: The bias over the gradient.
        scale: The gradient's size.
        seconds: Seconds a replicate.
    """

    estimator: str
    size: int
    rows: int
    variance: float
    interval: tuple[float, float]
    measurable: bool
    exact: float | None
    agrees: bool | None
    biased: bool
    bias: float | None
    bias_interval: tuple[float, float] | None
    relative_bias: float | None
    scale: float
    seconds: float | None


def series_points(record: Record, series: str) -> list[Point]:
    """Return the points of one series, estimator by estimator, in order of size.

    Args:
        record: The record of a run over the series' sizes.
        series: Family, objective and parameter: ``random_walk/square/p``.
    """
    points = [each for cell in record.cells if _series(cell) == series for each in _point(cell)]
    names = list(dict.fromkeys(each.estimator for each in points))
    return sorted(points, key=lambda each: (names.index(each.estimator), each.size))


def _series(cell: Cell) -> str:
    head, *rest = cell.problem.split("/")
    return "/".join((head.partition(":")[0], *rest))


def _point(cell: Cell) -> list[Point]:
    variance, bias, cost = (cell.find(name) for name in ("variance", "bias", "cost"))
    if variance is None or bias is None or variance.estimate is None or variance.interval is None:
        return []
    rate = cost.timing.get("rows_per_second") if cost is not None else None
    return [
        Point(
            estimator=cell.estimator,
            size=int(cell.problem.split("/")[0].partition(":")[2]),
            rows=variance.num_samples,
            variance=variance.estimate,
            interval=variance.interval,
            measurable=bool(variance.details["measurable"]),
            exact=variance.details["exact"],
            agrees=_AGREES.get(variance.outcome),
            biased=bias.outcome == "biased",
            bias=bias.estimate,
            bias_interval=bias.interval,
            relative_bias=None if bias.scale is None else bias.scale["estimate"] - 1,
            scale=float(cell.facts["scale"][0]),
            seconds=1 / rate if rate else None,
        )
    ]
