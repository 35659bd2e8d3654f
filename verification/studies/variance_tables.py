"""The tables of a variance study: every number behind its charts and statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ..record.record import Family
from ..record.study import Table, Value
from ..statistics.scaling import GrowthFits, compare_growth, fit_exponent, local_exponents, range_fits
from .exact_lines import ExactLine
from .points import Point

__all__ = ["bias_table", "exact_table", "exponent_table", "growth_table", "range_table", "variance_table", "work_table"]


def variance_table(points: Sequence[Point]) -> Table:
    """Tabulate every measured variance with its interval, and the exact one."""
    columns: Mapping[str, Callable[[Point], Value]] = {
        "estimator": lambda point: point.estimator,
        "n": lambda point: point.size,
        "variance": lambda point: point.variance,
        "lower limit": lambda point: point.interval[0],
        "upper limit": lambda point: point.interval[1],
        "exact": lambda point: point.exact,
        "rows": lambda point: point.rows,
        "in the fit": lambda point: "yes" if point.measurable else "no",
    }
    caption = (
        "Intervals of 95 % rest on the sample's own fourth moment. Rows that have not seen their tail are left out of fits."
    )
    return Table.of("Variance of one replicate", columns, points, caption)


def bias_table(points: Sequence[Point], lines: Mapping[str, ExactLine]) -> Table:
    """Tabulate every measured bias with its interval, and the exact one."""
    columns: Mapping[str, Callable[[Point], Value]] = {
        "estimator": lambda point: point.estimator,
        "n": lambda point: point.size,
        "bias": lambda point: point.bias,
        "lower limit": lambda point: _limits(point.bias_interval)[0],
        "upper limit": lambda point: _limits(point.bias_interval)[1],
        "over the gradient": lambda point: point.relative_bias,
        "exact, over the gradient": lambda point: _exact(point, lines),
    }
    return Table.of("Bias", columns, points, "The limits hold at every look at once; there is a bias if they exclude zero.")


def exponent_table(families: Sequence[Family], lines: Mapping[str, ExactLine], declared: Mapping[str, float | None]) -> Table:
    """Tabulate every exponent: over all sizes, at the tail, without noise, and as declared."""
    rows = []
    for family in families:
        sizes, variances = lines[family.estimator].tail() if family.estimator in lines else ((), ())
        exact = fit_exponent(sizes, variances).slope if sizes else None
        last = local_exponents(sizes, variances)[-1].slope if sizes else None
        rows.append(
            (
                family.estimator,
                family.exponent,
                *_limits(family.interval),
                *_tail(family),
                exact,
                last,
                declared.get(family.estimator),
                family.claim,
            )
        )
    return Table(
        title="Exponents",
        columns=(
            "estimator",
            "exponent",
            "lower limit",
            "upper limit",
            "at the tail",
            "tail, lower",
            "tail, upper",
            "exact tail",
            "exact, last step",
            "declared",
            "claim",
        ),
        rows=tuple(rows),
        caption="Slopes of ln V on ln n by weighted least squares, with 95 % limits. The tail holds the sizes within a factor "
        "of five of the largest; the exact tail runs from n = 200 to 1000, its last step from 700 to 1000.",
    )


def range_table(families: Sequence[Family]) -> Table:
    """Tabulate each exponent over several ranges of sizes."""
    rows = []
    for family in families:
        sizes, variances, errors = _fit_row(family)
        if len(sizes) >= 3:
            fits = range_fits(sizes, variances, errors)
            rows += [(family.estimator, each.start, each.end, each.slope, *each.interval) for each in fits]
    return Table(
        title="Exponent by range",
        columns=("estimator", "from n", "to n", "exponent", "lower limit", "upper limit"),
        rows=tuple(rows),
        caption="An exponent that moves with the range has not settled yet.",
    )


def growth_table(families: Sequence[Family]) -> Table:
    """Compare a power of n with an exponential."""
    return Table(
        title="Power or exponential",
        columns=("estimator", "left by a power", "left by an exponential", "c n, lower", "c n, upper", "growth"),
        rows=tuple(_growth_rows(families)),
        caption="The root mean square of the residuals of ln V from either line, and the interval of c times the largest n in "
        "ln V = a + beta ln n + c n. Exponential: the whole interval lies above ln 1.5; polynomial: it lies within.",
    )


def exact_table(lines: Mapping[str, ExactLine]) -> Table:
    """Tabulate the exact lines."""
    rows: list[tuple[Value, ...]] = []
    for name, line in lines.items():
        columns = zip(line.sizes, line.means, line.relative_bias, line.variances, strict=True)
        rows += [(name, *each) for each in columns]
    return Table(
        title="Exact mean and variance",
        columns=("estimator", "n", "mean", "bias over the gradient", "variance"),
        rows=tuple(rows),
        caption="Computed by recursion over the chain's states. Estimators that learn are taken as if fitted on endless rows.",
    )


def work_table(points: Sequence[Point]) -> Table:
    """Tabulate bias, variance and time at one size."""
    columns: Mapping[str, Callable[[Point], Value]] = {
        "estimator": lambda point: point.estimator,
        "n": lambda point: point.size,
        "seconds a replicate": lambda point: point.seconds,
        "variance": lambda point: point.variance,
        "variance x seconds": lambda point: None if point.seconds is None else point.variance * point.seconds,
        "seconds to 1 %": lambda point: (
            None if point.seconds is None else point.variance * point.seconds / (0.01 * point.scale) ** 2
        ),
        "bias": lambda point: point.relative_bias,
    }
    caption = "Seconds to 1 %: the time until the mean's standard error is a hundredth of the gradient. A bias stays."
    return Table.of("Bias, variance and time", columns, points, caption)


def _limits(interval: tuple[float, float] | None) -> tuple[float | None, float | None]:
    return interval or (None, None)


def _exact(point: Point, lines: Mapping[str, ExactLine]) -> float | None:
    line = lines.get(point.estimator)
    if line is None or point.size not in line.sizes:
        return None
    return line.relative_bias[line.sizes.index(point.size)]


def _fit_row(family: Family) -> tuple[list[float], list[float], list[float]]:
    used = [each for each in family.points if each["used"]]
    return tuple([each[name] for each in used] for name in ("size", "variance", "standard_error_log"))  # type: ignore[return-value]


def _tail(family: Family) -> tuple[float | None, float | None, float | None]:
    sizes, variances, errors = _fit_row(family)
    if len(sizes) < 3:
        return None, None, None
    fit = fit_exponent(sizes, variances, errors)
    return fit.tail_slope, *fit.tail_interval


def _growth_rows(families: Sequence[Family]) -> Iterator[tuple[Value, ...]]:
    for family in families:
        sizes, variances, errors = _fit_row(family)
        if len(sizes) >= 3:
            fit = fit_exponent(sizes, variances, errors)
            fits: GrowthFits = compare_growth(sizes, variances, errors)
            low, high = (limit * max(sizes) for limit in fit.rate_interval)
            yield family.estimator, fits.power, fits.exponential, low, high, fit.growth
