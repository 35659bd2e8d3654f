"""What hyper-parameters are held to, said in the same words by every estimator."""

from __future__ import annotations

from .protocol import NotApplicableError

__all__ = ["require_at_least", "require_positive"]


def require_positive(name: str, **values: float | int) -> None:
    """Refuse hyper-parameters that are zero, negative or no number.

    Args:
        name: Of the estimator.
        values: Each hyper-parameter under its name.

    Raises:
        NotApplicableError: One is not positive.
    """
    for field, value in values.items():
        if not value > 0:
            raise NotApplicableError(f"{name}: {field}={value}; it must be positive")


def require_at_least(name: str, least: int, purpose: str = "it", **counts: int) -> None:
    """Refuse counts that are too small for what they are for.

    Args:
        name: Of the estimator.
        least: The smallest count.
        purpose: What needs it, e.g. ``a baseline from the others``.
        counts: Each count under its name.

    Raises:
        NotApplicableError: One is smaller.
    """
    for field, count in counts.items():
        if count < least:
            raise NotApplicableError(f"{name}: {field}={count}; {purpose} needs at least {least}")
