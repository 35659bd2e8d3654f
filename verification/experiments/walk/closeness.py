"""When a calibrated walk matches the baseline, and when it does not."""

from __future__ import annotations

from collections.abc import Iterable

from ..spread import Spread

__all__ = ["CLOSE", "all_close", "all_far"]

CLOSE = 1.0
"""A walk matches where its mean position is within one position of the baseline's: half the lattice's spacing at a step."""


def all_close(errors: Iterable[Spread]) -> bool:
    """Whether every distance lies below `CLOSE`, its interval included."""
    return all(each.high < CLOSE for each in errors)


def all_far(errors: Iterable[Spread]) -> bool:
    """Whether every distance lies above `CLOSE`, its interval included."""
    return all(each.low > CLOSE for each in errors)
