"""The record of ``gradverify variance``: rows drawn at every size, exact lines and cost curves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ...estimators.protocol import Estimator
from ..drawing.executors import Executor
from ..plan import Settings
from ..problems.problem import Problem
from ..problems.registry import find_problems
from ..record.record import Record
from ..run.verification import Progress, Verification
from .cost_curves import CostPoint, cost_points
from .variance_study import series_lines, variance_study, with_judged_families

__all__ = ["variance_record"]

_TIMED = ("score_function", "leave_one_out", "stochastic_triple", "conditional_triple", "smoothed_triple", "straight_through")
"""The estimators whose cost curves are measured if many estimators are asked for."""

_VECTORS = tuple(f"bits:{count}/cubic/logits" for count in (2, 8, 32, 128))
_MOST_TIMED = 8


def variance_record(
    estimators: Mapping[str, Estimator],
    series: Sequence[Sequence[Problem]],
    settings: Settings,
    *,
    command: str,
    executor: Callable[[Verification], Executor] | None = None,
    costs: bool = True,
    progress: Progress | None = None,
) -> Record:
    """Draw rows at every size, judge them, and add a study for every series.

    Ctrl-C ends the run; the record then holds the rows drawn until that moment, and is not complete.

    Args:
        estimators: Name -> estimator.
        series: Problems of one scalar parameter by size, one list for every series.
        settings: The settings that `sweep_settings` makes.
        command: The command line that asked for the run.
        executor: A function that makes the executor of a run; None to draw in this process.
        costs: Measure cost curves, too.
        progress: A function that is called after every cell and after every exact size.

    Returns:
        A record with the cells, the families judged by exact tails, and one study for every series.
    """
    started = time.perf_counter()
    run = Verification(dict(estimators), [each for several in series for each in several], settings, command)
    record = run.execute(executor(run) if executor is not None else None, progress)
    if not record.run.complete:
        return record
    try:
        record = _add_studies(record, estimators, series, settings.profile.max_rows, costs, progress)
    except KeyboardInterrupt:
        return replace(record, run=replace(record.run, complete=False))
    timing = {**record.run.timing, "seconds": time.perf_counter() - started}
    return replace(record, run=replace(record.run, timing=timing))


def _add_studies(
    record: Record,
    estimators: Mapping[str, Estimator],
    series: Sequence[Sequence[Problem]],
    samples: int,
    costs: bool,
    progress: Progress | None,
) -> Record:
    """Judge the record's families by exact tails, and add one study for every series."""
    lines = {each[0].series: series_lines(estimators, each, progress) for each in series}
    record = with_judged_families(record, estimators, lines)
    studies = []
    for several in series:
        curves = _curves(estimators, several) if costs else []
        name = several[0].series
        studies.append(variance_study(record, name, lines[name], estimators, curves, samples=samples))
    return replace(record, studies=tuple(studies))


def _curves(estimators: Mapping[str, Estimator], problems: Sequence[Problem]) -> list[CostPoint]:
    few = dict(estimators) if len(estimators) <= _MOST_TIMED else {}
    timed = few or {name: estimators[name] for name in _TIMED if name in estimators}
    vectors = find_problems(_VECTORS, quick=False)
    return list(cost_points(timed, list(problems), vectors))
