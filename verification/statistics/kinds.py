"""The kind of a bias: rescaled, reversed, zero or turned, each only if the figures establish it."""

from __future__ import annotations

from ..verdicts import BiasKind
from .direction import GradientFigures

__all__ = ["classify"]


def classify(
    sequential: GradientFigures | None, planned: GradientFigures | None, *, tolerance: float, max_angle: float
) -> BiasKind:
    """Return the kind of a bias.

    A direction is right if its angle is known to be small, and not if none was seen: ``rescaled`` and ``reversed`` need an
    upper limit of the angle, ``zero`` one of the mean's norm. One parameter has no direction, and its sign decides.

    Args:
        sequential: The figures whose intervals hold at every look; they establish the sign of the scale, and a turn.
        planned: The figures whose intervals hold at this planned look; they accept a small part. None at any other look.
        tolerance: The norm of a mean over that of the gradient that counts as zero.
        max_angle: The angle in degrees within which a direction is right.

    Example:
        >>> from .direction import exact_figures
        >>> import numpy as np
        >>> truth = np.array([3.0, 4.0])
        >>> figures = exact_figures(-0.25 * truth, truth, 5.0)
        >>> classify(figures, figures, tolerance=0.1, max_angle=2.0)
        'rescaled'
    """
    if sequential is None or sequential.scale is None:
        return "undetermined"
    low, high = sequential.scale.interval
    angle = sequential.angle
    if planned is not None and planned.length is not None:
        accepted = planned.angle.interval if planned.angle is not None else (0.0, 180.0)
        if low > 0 and (angle is None or accepted[1] <= max_angle):
            return "rescaled"
        if high < 0 and (angle is None or accepted[0] >= 180 - max_angle):
            return "reversed"
        if low <= 0 <= high and planned.length.interval[1] <= tolerance:
            return "zero"
    if angle is not None and angle.interval[0] > max_angle and angle.interval[1] < 180 - max_angle:
        return "turned"
    return "undetermined"
