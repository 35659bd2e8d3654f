"""A bias in units of the gradient's scale."""

from __future__ import annotations

from ..record.record import Cell, Check
from .quantities import finite, positive

__all__ = ["relative_bias"]


def relative_bias(cell: Cell, check: Check) -> tuple[float, float, float] | None:
    """Return a bias and its interval, divided by the gradient's scale.

    Args:
        cell: The cell; its ``facts["scale"]`` is used if neither the check nor the channel that it watched gives a scale.
        check: The cell's bias check.

    Returns:
        Estimate, lower and upper limit; None if the record has no finite number or no scale.
    """
    given = check.details.get("relative_interval")
    if finite(check.relative) and given and all(finite(each) for each in given):
        return check.relative, given[0], given[1]
    unit = _unit(cell, check)
    low, high = check.interval or (check.estimate, check.estimate)
    if unit is not None and finite(check.estimate) and finite(low) and finite(high):
        return check.estimate * unit, low * unit, high * unit
    return None


def _unit(cell: Cell, check: Check) -> float | None:
    if finite(check.relative) and finite(check.estimate) and check.estimate and check.relative:
        return abs(check.relative / check.estimate)
    if check.estimate == 0 and check.interval in (None, (0.0, 0.0)):
        return 1.0  # zero is zero in any unit
    watched = check.details.get("channel")
    channels = [each for each in check.details.get("channels") or () if each.get("name") == watched]
    scales = [check.details.get("scale"), *(each.get("scale") for each in channels), cell.facts.get("scale")]
    return next((1.0 / scale for scale in scales if positive(scale)), None)
