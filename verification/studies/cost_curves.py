"""The measured cost of a replicate: seconds and memory against the size, the rows of a batch and the number of parameters."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from ...estimators.protocol import Estimator, NotApplicableError
from ..problems.problem import Problem
from ..record.study import Chart, Exhibits, Series, Table
from .live_memory import peak_tensor_bytes

__all__ = ["CostPoint", "cost_exhibits", "cost_points"]

ROWS = (256, 1024, 4096, 16384)
BATCH = 4096
REPEATS = 3
_LONGEST = 2.0  # seconds; a batch that takes longer is timed once


Axis = Literal["size", "rows", "parameters"]
Quantity = Literal["seconds", "bytes"]

_AXES: Mapping[Axis, str] = {"size": "size n", "rows": "replicates a batch", "parameters": "number of parameters"}
_QUANTITIES: Mapping[Quantity, str] = {"seconds": "seconds a replicate", "bytes": "bytes a replicate"}


@dataclass(frozen=True, kw_only=True)
class CostPoint:
    """The cost of a replicate in one batch.

    Attributes:
        estimator: The name of the estimator.
        axis: The quantity that is varied: ``size``, ``rows`` or ``parameters``.
        value: The value of that quantity.
        seconds: Seconds a replicate, in the shortest of several batches.
        bytes: Bytes a replicate, at the peak.
    """

    estimator: str
    axis: Axis
    value: int
    seconds: float
    bytes: float


def cost_points(estimators: Mapping[str, Estimator], walks: list[Problem], vectors: list[Problem]) -> Iterator[CostPoint]:
    """Yield the seconds and the peak memory of a replicate.

    Args:
        estimators: Name -> estimator; one that does not apply to a problem is left out there.
        walks: A series of problems by size; the number of rows is varied on the middle one.
        vectors: A series of problems with more and more parameters.
    """
    middle = walks[len(walks) // 2]
    for name, estimator in estimators.items():
        batches: list[tuple[Axis, int, Problem, int]] = [("size", int(each.size), each, BATCH) for each in walks]
        batches += [("rows", rows, middle, rows) for rows in ROWS]
        batches += [("parameters", each.params.numel(), each, BATCH) for each in vectors]
        for axis, value, problem, rows in batches:
            try:
                seconds, held = _measure(estimator, problem, rows)
            except NotApplicableError:
                continue
            yield CostPoint(estimator=name, axis=axis, value=value, seconds=seconds / rows, bytes=held / rows)


def cost_exhibits(points: list[CostPoint]) -> Exhibits:
    """Return a chart of seconds and one of bytes for every axis, and their table; they belong under ``timing``."""
    charts = [
        _chart([each for each in points if each.axis == axis], axis, quantity)
        for axis in _AXES
        for quantity in _QUANTITIES
        if any(each.axis == axis for each in points)
    ]
    table = Table(
        title="Cost of a replicate",
        columns=("estimator", "varied", "value", "seconds", "bytes"),
        rows=tuple((each.estimator, _AXES[each.axis], each.value, each.seconds, each.bytes) for each in points),
        caption="Seconds are those of the shortest of up to three batches. Bytes are those of the tensors alive at the peak, "
        "divided by the batch's replicates.",
    )
    return Exhibits(tables=(table,), charts=tuple(charts))


def _chart(points: list[CostPoint], axis: Axis, quantity: Quantity) -> Chart:
    series = []
    for name in dict.fromkeys(each.estimator for each in points):
        own = [each for each in points if each.estimator == name]
        values = tuple(float(getattr(each, quantity)) for each in own)
        series.append(Series(label=name, x=tuple(float(each.value) for each in own), y=values, style="both"))
    return Chart(
        name=f"cost-{quantity}-{axis}",
        title=f"{_QUANTITIES[quantity].capitalize()} against {_AXES[axis]}",
        caption="Measured on this machine, one batch at a time; other machines have other clocks.",
        x_label=_AXES[axis],
        y_label=_QUANTITIES[quantity],
        series=tuple(series),
        x_log=True,
        y_log=True,
    )


def _measure(estimator: Estimator, problem: Problem, rows: int) -> tuple[float, float]:
    """Measure the seconds of a batch and its bytes at the peak."""

    def draw() -> None:
        generator = torch.Generator(problem.params.device).manual_seed(0)
        estimator(problem.program, problem.params, rows, generator)

    held = peak_tensor_bytes(draw)
    shortest = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        draw()
        shortest = min(shortest, time.perf_counter() - started)
        if shortest > _LONGEST:
            break
    return shortest, float(held)
