"""Checks of hyper-parameters, in the same words for every estimator."""

from __future__ import annotations

import math
from numbers import Integral, Real

from .protocol import NotApplicableError

__all__ = ["require_at_least", "require_positive"]


def require_positive(name: str, **values: object) -> None:
    """Refuse hyper-parameters that are zero, negative, infinite or not a number.

    Args:
        name: The name of the estimator.
        values: Each hyper-parameter under its name.

    Raises:
        NotApplicableError: One is not positive or not finite.
    """
    for field, value in values.items():
        if not isinstance(value, Real) or not 0 < float(value) < math.inf:
            raise NotApplicableError(f"{name}: {field}={value!r}; it must be positive and finite")


def require_at_least(name: str, least: int, purpose: str = "it", **counts: object) -> None:
    """Refuse counts that are too small for their purpose or are not whole numbers.

    Args:
        name: The name of the estimator.
        least: The smallest count.
        purpose: The part of the estimator that needs the count, e.g. ``a baseline from the others``.
        counts: Each count under its name.

    Raises:
        NotApplicableError: One is smaller, or is not a whole number.
    """
    for field, count in counts.items():
        if not isinstance(count, Integral):
            raise NotApplicableError(f"{name}: {field}={count!r}; {purpose} needs a whole number")
        if int(count) < least:
            raise NotApplicableError(f"{name}: {field}={count}; {purpose} needs at least {least}")
