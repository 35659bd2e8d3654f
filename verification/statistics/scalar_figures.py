"""The figures of a gradient with one parameter, from the confidence sequence of its one coordinate."""

from __future__ import annotations

from .bias_look import Look
from .bias_plan import BiasPlan
from .direction import Figure, GradientFigures

__all__ = ["scalar_figures"]


def scalar_figures(plan: BiasPlan, seen: Look) -> GradientFigures:
    """Return the relative error and the scale of one parameter's mean gradient; one parameter has no angle.

    Args:
        plan: The plan of a cell with one parameter.
        seen: The look; its equivalence interval holds at every look.
    """
    bias, (low, high) = float(seen.mean[0]), (float(limits[0]) for limits in seen.accept)
    unit, truth = plan.unit or 1.0, float(plan.gradient[0])
    size = Figure(estimate=abs(bias) / unit, interval=_absolute(low / unit, high / unit))
    if truth == 0:
        return GradientFigures(relative_error=size)
    ends = sorted((1 + low / truth, 1 + high / truth))
    scale = Figure(estimate=1 + bias / truth, interval=(ends[0], ends[1]))
    length = Figure(estimate=abs(scale.estimate), interval=_absolute(*scale.interval))
    return GradientFigures(relative_error=size, scale=scale, length=length)


def _absolute(low: float, high: float) -> tuple[float, float]:
    """Return the interval of an absolute value from that of the value."""
    return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))
