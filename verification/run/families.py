"""The growth of variance with a problem's size: exponents over the families of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..problems.problem import Problem
from ..record.record import Family
from ..statistics.scaling import ExponentFit, fit_exponent
from ..statistics.variance import measurable, variance_interval
from ..verdicts import Claim
from .cell import CellRun

__all__ = ["DECLARED_ON", "fit_families", "judged_by_exact_tail"]

_LEAST_SIZES = 3
DECLARED_ON = "random_walk/square/p"
"""The series on which estimators declare an exponent."""

_WIDEST = 0.6  # an interval wider than this supports nothing
_ROOM = 0.15  # a declared exponent is asymptotic; short walks are not quite there


def fit_families(
    runs: list[CellRun], problems: list[Problem], known: Mapping[tuple[str, str], float | None]
) -> Iterator[Family]:
    """Yield one exponent for every estimator and series of problems that differ in size alone.

    Args:
        runs: The cells of a run, closed.
        problems: Its problems.
        known: Exact variances where they are known.
    """
    by_name = {each.name: each for each in problems}
    groups: dict[tuple[str, str], list[CellRun]] = {}
    for run in runs:
        problem = by_name[run.problem]
        if problem.size.isdecimal() and problem.params.dim() == 0 and run.rows.count > 1 and not run.rows.nonfinite:
            groups.setdefault((run.estimator, problem.series), []).append(run)
    for (estimator, series), members in groups.items():
        if len(members) >= _LEAST_SIZES:
            yield _family(estimator, series, members, by_name, known)


def judged_by_exact_tail(family: Family, declared: float | None, sizes: Sequence[int], variances: Sequence[float]) -> Family:
    """Return the family with its declared exponent held against exact variances, which have no noise and reach far.

    The claim is refuted where the exponent of the tail is off by more than 0.15: it is asymptotic, and even n = 1000 is not
    quite there.

    Args:
        family: As `fit_families` made it.
        declared: The exponent that the estimator declares; None for none.
        sizes: Sizes of the tail.
        variances: Exact variances there.
    """
    exact = fit_exponent(sizes, variances).slope
    said = f"exact tail n = {sizes[0]} to {sizes[-1]}: {exact:.2f}"
    if declared is None:
        return replace(family, note=f"{said}; {family.note}".rstrip("; "))
    held = abs(exact - declared) <= _ROOM
    note = f"{said}, declared {declared:g}; {family.note}".rstrip("; ")
    return replace(family, claim="supported" if held else "refuted", note=note)


def _family(
    estimator: str,
    series: str,
    members: list[CellRun],
    problems: Mapping[str, Problem],
    known: Mapping[tuple[str, str], float | None],
) -> Family:
    points = [_point(run, int(problems[run.problem].size), known.get((estimator, run.problem))) for run in members]
    points.sort(key=lambda each: each["size"])
    used = [each for each in points if each["used"]]
    if len(used) < _LEAST_SIZES:
        note = f"{len(used)} of {len(points)} sizes have a variance that can be believed"
        return Family(
            estimator=estimator, family=series, exponent=None, interval=None, outcome="too few points",
            points=tuple(points), note=note,
        )  # fmt: skip
    fit = fit_exponent(
        [each["size"] for each in used], [each["variance"] for each in used], [each["standard_error_log"] for each in used]
    )
    declared = members[0].subject.about.claims.variance_exponent if series == DECLARED_ON else None
    return Family(
        estimator=estimator,
        family=series,
        exponent=fit.slope,
        interval=fit.interval,
        outcome="poor fit" if fit.misfit else "fitted",
        claim=_hold_exponent(declared, fit),
        points=tuple(points),
        note=_note(declared, fit),
    )


def _point(run: CellRun, size: int, exact: float | None) -> dict[str, Any]:
    variance = float(run.rows.variance[0])
    return {
        "size": size,
        "variance": variance,
        "interval": variance_interval(run.rows) if variance > 0 else (0.0, 0.0),
        "standard_error_log": float(run.rows.log_variance_error()[0]) if variance > 0 else None,
        "exact": exact,
        "num_samples": run.rows.count,
        "used": bool(variance > 0 and measurable(run.rows, 0)),
    }


def _hold_exponent(declared: float | None, fit: ExponentFit) -> Claim:
    """Judge whether the tail's exponent is the declared one. Short walks can support that, and cannot refute it."""
    if declared is None:
        return "none"
    low, high = fit.tail_interval
    if high - low > _WIDEST:
        return "none"
    return "supported" if low - _ROOM <= declared <= high + _ROOM else "none"


def _note(declared: float | None, fit: ExponentFit) -> str:
    tail = f"tail from n = {fit.tail_from:g}: {fit.tail_slope:.2f} ({fit.tail_interval[0]:.2f} to {fit.tail_interval[1]:.2f})"
    claim = "" if declared is None else f"; declared {declared:g}"
    return f"{tail}; growth {fit.growth}{claim}"
