"""The distance at which a calibrated walk matches the baseline."""

from __future__ import annotations

from collections.abc import Iterable

from ..spread import Spread

__all__ = ["CLOSE", "all_close", "all_far"]

CLOSE = 1.0
"""The distance of means below which a walk matches: one position, half the lattice's spacing at a step."""


def all_close(errors: Iterable[Spread]) -> bool:
    """Return True if every distance is below `CLOSE`, including its interval."""
    return all(each.high < CLOSE for each in errors)


def all_far(errors: Iterable[Spread]) -> bool:
    """Return True if every distance is above `CLOSE`, including its interval."""
    return all(each.low > CLOSE for each in errors)
