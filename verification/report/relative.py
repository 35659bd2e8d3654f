"""A bias in units of the gradient, as a number that can be drawn."""

from __future__ import annotations

from ..record.record import Cell, Check
from .quantities import finite, positive

__all__ = ["relative_bias"]


def relative_bias(cell: Cell, check: Check) -> tuple[float, float, float] | None:
    """Return the bias of a gradient over that gradient, with its interval.

    One parameter's is the scale less one, which has a sign. A vector's is the relative error of the norm. A record of version
    1.0 knows the deciding channel's alone.

    Args:
        cell: The cell.
        check: The cell's bias check.

    Returns:
        Estimate, lower and upper limit; None if the record has no finite number.
    """
    single = check.scale is not None and check.angle is None and cell.facts.get("dimension") == 1
    figure, offset = (check.scale, 1.0) if single else (check.relative_error, 0.0)
    if figure is not None:
        values = tuple(each - offset for each in (figure["estimate"], *figure["interval"]))
        return (values[0], values[1], values[2]) if all(finite(each) for each in values) else None
    unit = _unit(cell, check)
    low, high = check.interval or (check.estimate, check.estimate)
    if unit is not None and finite(check.estimate) and finite(low) and finite(high):
        return check.estimate * unit, low * unit, high * unit
    return None


def _unit(cell: Cell, check: Check) -> float | None:
    relative = check.details.get("channel_relative")
    if finite(relative) and finite(check.estimate) and check.estimate and relative:
        return abs(relative / check.estimate)
    if check.estimate == 0 and check.interval in (None, (0.0, 0.0)):
        return 1.0  # zero is zero in any unit
    watched = check.details.get("channel")
    channels = [each for each in check.details.get("channels") or () if each.get("name") == watched]
    scales = [check.details.get("channel_scale"), *(each.get("scale") for each in channels), cell.facts.get("scale")]
    return next((1.0 / scale for scale in scales if positive(scale)), None)
