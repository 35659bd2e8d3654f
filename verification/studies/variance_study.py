"""The variance study: the growth of one replicate's variance with a problem's size, for every estimator that applies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...estimators.protocol import Estimator, describe
from ..problems.problem import Problem
from ..problems.registry import find_problems
from ..record.record import Family, Record
from ..record.study import Exhibits, Statement, Study
from ..run.families import DECLARED_ON, judged_by_exact_tail
from .cost_curves import CostPoint, cost_exhibits
from .exact_lines import TAIL, ExactLine, Progress, exact_lines
from .points import Point, series_points
from .variance_charts import bias_chart, exact_variance_chart, variance_chart, work_chart
from .variance_tables import bias_table, exact_table, exponent_table, growth_table, range_table, variance_table, work_table

__all__ = ["series_lines", "variance_study", "with_judged_families"]

_TEXT = (
    "The variance of one replicate was measured at every size; its slope on logarithmic axes is the exponent. Intervals rest "
    "on the sample's own fourth moment. Rows that have not seen their tail are left out of a fit, since they make exponential "
    "growth look polynomial.",
    "If the problem is a finite chain, the mean and the variance are also computed exactly, without sampling, up to n = 1000. "
    "An exponent over short lengths misleads, so a declared exponent is compared with the exact tail, n = 200 to 1000.",
)


def series_lines(
    estimators: Mapping[str, Estimator], problems: Sequence[Problem], progress: Progress | None = None
) -> dict[str, ExactLine]:
    """Return the exact lines over the measured sizes and over the tail.

    Args:
        estimators: Name -> estimator.
        problems: One series of problems, by size.
        progress: A function that is called after every size.
    """
    measured = {int(each.size): each for each in problems}
    family, *rest = problems[0].series.split("/")
    missing = [n for n in TAIL if n not in measured]
    if not exact_lines(estimators, problems[:1]):
        return {}
    tail = find_problems(["/".join((f"{family}:{n}", *rest)) for n in missing], quick=False)
    every = {**measured, **{int(each.size): each for each in tail}}
    return exact_lines(estimators, [every[n] for n in sorted(every)], progress)


def with_judged_families(
    record: Record, estimators: Mapping[str, Estimator], lines: Mapping[str, Mapping[str, ExactLine]]
) -> Record:
    """Judge by its exact tail every family of a record that has one.

    Args:
        record: The record of the run.
        estimators: Name -> estimator.
        lines: Exact lines by series and estimator.
    """
    return replace(record, families=tuple(_judge(each, estimators, lines) for each in record.families))


def _judge(family: Family, estimators: Mapping[str, Estimator], lines: Mapping[str, Mapping[str, ExactLine]]) -> Family:
    line = lines.get(family.family, {}).get(family.estimator)
    sizes, variances = line.tail() if line is not None else ((), ())
    if not sizes:
        return family
    declared = describe(estimators[family.estimator]).claims.variance_exponent
    return judged_by_exact_tail(family, declared if family.family == DECLARED_ON else None, sizes, variances)


def variance_study(
    record: Record,
    series: str,
    lines: Mapping[str, ExactLine],
    estimators: Mapping[str, Estimator],
    costs: list[CostPoint],
    *,
    samples: int,
) -> Study:
    """Return the study of one series in a run over sizes.

    Args:
        record: The record of the run, with its families judged.
        series: Family, objective and parameter.
        lines: Exact lines by estimator.
        estimators: Name -> estimator.
        costs: Measured cost curves; an empty list leaves them out.
        samples: The rows that a cell was given.
    """
    points = series_points(record, series)
    families = [each for each in record.families if each.family == series]
    declared = {name: describe(each).claims.variance_exponent for name, each in estimators.items()}
    last = [each for each in points if each.size == max(point.size for point in points)]
    charts = [exact_variance_chart(points, lines, series)] if lines else []
    curves = cost_exhibits(costs) if costs else Exhibits()
    return Study(
        name=f"variance-{series.replace('/', '-').replace('_', '-')}",
        title=f"Variance over size: {series}",
        text=_TEXT,
        statements=tuple(_statements(families, points)),
        exhibits=Exhibits(
            tables=(
                exponent_table(families, lines, declared if series == DECLARED_ON else {}),
                range_table(families),
                growth_table(families),
                variance_table(points),
                bias_table(points, lines),
                *([exact_table(lines)] if lines else []),
            ),
            charts=(*charts, variance_chart(points, lines, series), bias_chart(points, lines, series)),
        ),
        settings={"samples": samples, "sizes": sorted({each.size for each in points}), "tail": list(TAIL)},
        timing=Exhibits(tables=(work_table(last), *curves.tables), charts=(work_chart(last, series), *curves.charts)),
    )


def _statements(families: Sequence[Family], points: Sequence[Point]) -> Iterator[Statement]:
    compared = [each for each in points if each.agrees is not None]
    if compared:
        off = [f"{each.estimator} at n = {each.size}" for each in compared if not each.agrees]
        inside = sum(each.exact is not None and each.interval[0] <= each.exact <= each.interval[1] for each in compared)
        yield Statement(
            claim="Measured variances are the exact ones, at the run's false-alarm rate.",
            outcome="fails" if off else "holds",
            measured=f"{len(compared) - len(off)} of {len(compared)}; {inside} inside their 95 % interval",
            note=", ".join(off),
        )
    claims = [each for each in families if each.claim in ("supported", "refuted")]
    if claims:
        refuted = [each.estimator for each in claims if each.claim == "refuted"]
        yield Statement(
            claim="Declared exponents hold.",
            outcome="fails" if refuted else "holds",
            measured=f"{len(claims) - len(refuted)} of {len(claims)}",
            note=", ".join(refuted),
        )
