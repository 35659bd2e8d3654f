"""What hyper-parameters are held to, said in the same words by every estimator."""

from __future__ import annotations

import math
from numbers import Integral, Real

from .protocol import NotApplicableError

__all__ = ["require_at_least", "require_positive"]


def require_positive(name: str, **values: object) -> None:
    """Refuse hyper-parameters that are zero, negative, infinite or no number.

    Args:
        name: Of the estimator.
        values: Each hyper-parameter under its name.

    Raises:
        NotApplicableError: One is not positive, or not finite.
    """
    for field, value in values.items():
        if not isinstance(value, Real) or not 0 < float(value) < math.inf:
            raise NotApplicableError(f"{name}: {field}={value!r}; it must be positive and finite")


def require_at_least(name: str, least: int, purpose: str = "it", **counts: object) -> None:
    """Refuse counts that are too small for what they are for, or no whole numbers.

    Args:
        name: Of the estimator.
        least: The smallest count.
        purpose: What needs it, e.g. ``a baseline from the others``.
        counts: Each count under its name.

    Raises:
        NotApplicableError: One is smaller, or no whole number.
    """
    for field, count in counts.items():
        if not isinstance(count, Integral):
            raise NotApplicableError(f"{name}: {field}={count!r}; {purpose} needs a whole number")
        if int(count) < least:
            raise NotApplicableError(f"{name}: {field}={count}; {purpose} needs at least {least}")
