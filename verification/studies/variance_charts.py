"""The charts of a variance study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..record.study import Chart, Series
from .exact_lines import ExactLine
from .points import Point

__all__ = ["bias_chart", "exact_variance_chart", "variance_chart", "work_chart"]


def exact_variance_chart(points: Sequence[Point], lines: Mapping[str, ExactLine], series: str) -> Chart:
    """Draw measured variances on their exact lines, the largest first."""
    labels = sorted((name for name in lines if any(lines[name].variances)), key=lambda name: -lines[name].variances[-1])
    return _variance_chart(
        [each for name in labels for each in _both(name, points, lines[name])],
        name=f"variance-exact-{_slug(series)}",
        title=f"Variance against n, with exact lines: {series}",
        caption="Dashed: exact, by recursion over the states. Points: measured, with 95 % intervals.",
    )


def variance_chart(points: Sequence[Point], lines: Mapping[str, ExactLine], series: str) -> Chart:
    """Draw the measured variances of the estimators without an exact line."""
    names = dict.fromkeys(each.estimator for each in points if each.estimator not in lines and each.variance > 0)
    last = {name: max((each.size, each.variance) for each in points if each.estimator == name)[1] for name in names}
    return _variance_chart(
        [_measured_series(name, points) for name in sorted(names, key=lambda name: -last[name])],
        name=f"variance-sampled-{_slug(series)}",
        title=f"Variance against n: {series}",
        caption="Measured, with 95 % intervals; no recursion is known for these estimators.",
    )


def bias_chart(points: Sequence[Point], lines: Mapping[str, ExactLine], series: str) -> Chart:
    """Draw the bias, over the gradient, of the estimators that have one."""
    biased = [name for name in dict.fromkeys(each.estimator for each in points) if _is_biased(name, points, lines)]
    drawn = []
    for name in biased:
        if name in lines:
            exact = tuple(abs(each) for each in lines[name].relative_bias)
            drawn.append(Series(label=name, x=_floats(lines[name].sizes), y=exact, style="dashed"))
        drawn.append(_bias_series(name, points))
    return Chart(
        name=f"bias-{_slug(series)}",
        title=f"Bias against n: {series}",
        caption="The size of the bias over that of the gradient, for estimators with a measured or a known bias. Dashed: "
        "exact. An interval that holds zero has no lower end here.",
        x_label="size n",
        y_label="|bias| / |gradient|",
        series=tuple(drawn),
        x_log=True,
        y_log=True,
    )


def work_chart(points: Sequence[Point], series: str) -> Chart:
    """Draw variance against seconds at one size, biases in the labels; unbiased estimators and the least work come first."""
    timed = [each for each in points if each.seconds and each.variance > 0]
    timed.sort(key=lambda each: (each.biased, each.variance * _microseconds(each)))
    size = timed[0].size if timed else 0
    drawn = [
        Series(
            label=_with_bias(each),
            x=(_microseconds(each),),
            y=(each.variance,),
            low=each.interval[:1],
            high=each.interval[1:],
            style="points",
        )
        for each in timed
    ]
    if timed:
        best = timed[0].variance * _microseconds(timed[0])
        times = [_microseconds(each) for each in timed]
        ends = (min(times), max(times))
        drawn.append(Series(label="as much work as the first", x=ends, y=tuple(best / each for each in ends), style="dashed"))
    return Chart(
        name=f"work-{_slug(series)}",
        title=f"Bias, variance and time at n = {size}: {series}",
        caption="Left and below is better: variance times seconds is the work that a given standard error takes. A measured "
        "bias stands beside the name, over the gradient.",
        x_label="microseconds a replicate",
        y_label="variance of one replicate",
        series=tuple(drawn),
        x_log=True,
        y_log=True,
    )


def _variance_chart(series: Sequence[Series], *, name: str, title: str, caption: str) -> Chart:
    return Chart(
        name=name,
        title=title,
        caption=caption,
        x_label="size n",
        y_label="variance of one replicate",
        series=tuple(series),
        x_log=True,
        y_log=True,
    )


def _both(name: str, points: Sequence[Point], line: ExactLine) -> tuple[Series, Series]:
    exact = Series(label=name, x=_floats(line.sizes), y=line.variances, style="dashed")
    return exact, _measured_series(name, points)


def _measured_series(name: str, points: Sequence[Point]) -> Series:
    own = [each for each in points if each.estimator == name and each.variance > 0]
    return Series(
        label=name,
        x=tuple(float(each.size) for each in own),
        y=tuple(each.variance for each in own),
        low=tuple(each.interval[0] for each in own),
        high=tuple(each.interval[1] for each in own),
        style="points",
    )


def _bias_series(name: str, points: Sequence[Point]) -> Series:
    own = [each for each in points if each.estimator == name and each.bias is not None and each.bias_interval is not None]
    limits = [_distance(each) for each in own]
    return Series(
        label=name,
        x=tuple(float(each.size) for each in own),
        y=tuple(abs(each.bias or 0.0) / each.scale for each in own),
        low=tuple(low for low, _ in limits),
        high=tuple(high for _, high in limits),
        style="points",
    )


def _distance(point: Point) -> tuple[float, float]:
    """Return the distances of the interval's ends from zero, over the gradient; the first is 0 if zero lies inside."""
    low, high = sorted(abs(each) for each in point.bias_interval or (0.0, 0.0))
    inside = point.bias_interval is not None and point.bias_interval[0] <= 0 <= point.bias_interval[1]
    return (0.0 if inside else low / point.scale), high / point.scale


def _is_biased(name: str, points: Sequence[Point], lines: Mapping[str, ExactLine]) -> bool:
    if name in lines:
        return any(lines[name].relative_bias)
    return any(each.biased for each in points if each.estimator == name)


def _with_bias(point: Point) -> str:
    if not point.biased or point.relative_bias is None:
        return point.estimator
    return f"{point.estimator} (bias {100 * point.relative_bias:+.3g} %)"


def _microseconds(point: Point) -> float:
    return 1e6 * (point.seconds or 0.0)


def _floats(sizes: Sequence[int]) -> tuple[float, ...]:
    return tuple(float(each) for each in sizes)


def _slug(series: str) -> str:
    return series.replace("/", "-").replace("_", "-")
