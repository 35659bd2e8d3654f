r"""The size, the scale and the angle of a mean gradient beside the true one, each with its interval.

With the error :math:`b = E\,g - \nabla` of a gradient :math:`\nabla`, the figures are the relative error
:math:`|b| / |\nabla|`, the scale :math:`\langle E\,g, \nabla \rangle / |\nabla|^2` and the angle between :math:`E\,g` and
:math:`\nabla`. The length of the part of b across the gradient is estimated by the unbiased square of `norm`, never by the
cosine of two means, which noise turns away from one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .batches import Batches, inner
from .norm import squared_norm, student

__all__ = ["Figure", "GradientFigures", "angle_between", "exact_figures", "gradient_figures"]

Array = NDArray[np.float64]

LEAST_SIGNAL = 5.0
"""The standard errors that the squared norm of a sampled reference must be away from zero before anything is divided by it."""

ROUNDING = 1e-6
"""The norm of a known mean, over that of the gradient, below which the mean is zero to rounding."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A number and its interval."""

    estimate: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class GradientFigures:
    """A mean gradient beside the true one.

    Attributes:
        relative_error: The norm of the error over that of the gradient.
        scale: The part of the mean along the gradient, over the gradient; 1 is right.
        angle: The angle between the two in degrees; None for one parameter, which has no direction.
        length: The norm of the mean over that of the gradient.
        across: Limits of the part across the gradient, over its norm.
        spread: The trace of the squared covariance of one row across the gradient, over the fourth power of its norm.
    """

    relative_error: Figure
    scale: Figure | None = None
    angle: Figure | None = None
    length: Figure | None = None
    spread: float = 0.0

    def without_intervals(self) -> GradientFigures:
        """Return the estimates alone: every interval is as wide as its figure may be."""
        return replace(
            self,
            relative_error=replace(self.relative_error, interval=(0.0, math.inf)),
            scale=None if self.scale is None else replace(self.scale, interval=(-math.inf, math.inf)),
            angle=None if self.angle is None else replace(self.angle, interval=(0.0, 180.0)),
            length=None if self.length is None else replace(self.length, interval=(0.0, math.inf)),
        )

    def to_record(self) -> dict[str, Any]:
        """Return the relative error, the scale and the angle as a record holds them."""
        named = {"relative_error": self.relative_error, "scale": self.scale, "angle": self.angle}
        return {name: None if each is None else asdict(each) for name, each in named.items()}


def angle_between(across: Iterable[float], along: Iterable[float]) -> tuple[float, float]:
    """Return the least and the largest angle in degrees that a part across a direction and a part along it allow.

    The angle falls with the part along and is monotone in the part across, so its extremes lie at the ends.

    Example:
        >>> [round(angle, 1) for angle in angle_between((0.0, 1.0), (1.0, 2.0))]
        [0.0, 45.0]
    """
    sides = list(along)
    angles = [math.degrees(math.atan2(p, a)) for p in across for a in sides]
    return min(angles), max(angles)


def exact_figures(error: Array, truth: Array, unit: float) -> GradientFigures:
    """Return the figures of a mean error that is known exactly.

    Args:
        error: The error of the mean ``[d]``.
        truth: The gradient ``[d]``.
        unit: The norm that the error is relative to, positive; it is not the gradient's where that is zero.
    """
    relative = _point(_norm(error) / unit)
    norm = _norm(truth)
    if norm == 0:
        return GradientFigures(relative_error=relative)
    if _norm(truth + error) <= ROUNDING * norm:
        # What is left is rounding, which has a sign and a direction by chance.
        return GradientFigures(relative_error=relative, scale=_point(0.0), length=_point(0.0))
    along = float((error * truth).sum()) / norm
    scale = 1 + along / norm
    # The part across is computed from the vector: a difference of squares would leave an angle of rounding.
    across = _norm(error - along * truth / norm)
    angle = _point(math.degrees(math.atan2(across, scale * norm))) if truth.size > 1 else None
    length = _point(_norm(truth + error) / norm)
    return GradientFigures(relative_error=relative, scale=_point(scale), angle=angle, length=length)


def gradient_figures(batches: Batches, truth: Array, unit: float, critical: float) -> GradientFigures | None:
    """Return the figures of the mean gradient of rows.

    Args:
        batches: The sums of the error's rows, and those of the sampled reference if there is one.
        truth: The gradient ``[d]``, or a pilot's estimate of it if the reference is sampled; zeros if it has no direction.
        unit: The norm that the error is relative to; the gradient's, or a floor.
        critical: The critical value of every interval. The intervals of the two parts of an angle share the error rate.

    Returns:
        The figures; None if there are too few batches, or if a sampled reference does not stand out of its own noise.
    """
    if len(batches.rows) < 3:
        return None
    gram = inner(batches.errors, batches.errors)
    norm = _norm(truth)
    if norm == 0:
        low, high = squared_norm(batches.rows, gram, truth.size).limits(critical)
        return GradientFigures(relative_error=_root(gram, batches, truth.size, (low / unit, high / unit), unit))
    if batches.reference is None:
        return _against_exact(batches, gram, truth, unit, critical)
    # A declared floor above the gradient's own norm is a number; a norm of the gradient is as noisy as its rows.
    floor = unit if unit > (1 + 1e-9) * norm else 0.0
    figures = _against_sampled(batches, gram, truth.size, floor, critical)
    return replace(figures, angle=None) if figures is not None and truth.size == 1 else figures


def _against_exact(batches: Batches, gram: Array, truth: Array, unit: float, critical: float) -> GradientFigures:
    norm, half = _norm(truth), split(critical, 2)
    along = np.einsum("kd,d->k", batches.errors, truth / norm, optimize=False)
    mean, error = _mean(batches.rows, along)
    room = [student(level, len(batches.rows) - 1) * error for level in (critical, half)]
    low, high = squared_norm(batches.rows, gram, truth.size).limits(critical)
    rest = squared_norm(batches.rows, gram - along[:, None] * along[None, :], truth.size - 1)
    across = rest.limits(half)
    sides = (norm + mean - room[1], norm + mean + room[1])
    middle = math.sqrt(max(rest.estimate, 0.0))
    return GradientFigures(
        relative_error=_root(gram, batches, truth.size, (low / unit, high / unit), unit),
        scale=Figure(estimate=1 + mean / norm, interval=(1 + (mean - room[0]) / norm, 1 + (mean + room[0]) / norm)),
        angle=_angle(middle, norm + mean, across, sides),
        length=_length(middle, norm + mean, across, sides, norm),
        spread=rest.spread / norm**4,
    )


def _against_sampled(batches: Batches, gram: Array, size: int, floor: float, critical: float) -> GradientFigures | None:
    """Return the figures against a sampled gradient, whose noise is in both sides of every ratio."""
    assert batches.reference is not None
    third = split(critical, 3)
    cross = inner(batches.errors, batches.reference)
    own = inner(batches.reference, batches.reference)
    top, bottom = _leave_one_out(batches.rows, cross), _leave_one_out(batches.rows, own)
    freedom = len(batches.rows) - 1
    noise = math.sqrt(_covariance(bottom.left, bottom.left))
    if not bottom.value > LEAST_SIGNAL * noise:
        return None
    norm = math.sqrt(bottom.value)
    level = student(third, freedom)
    norms = [math.sqrt(max(bottom.value + sign * level * noise, 0.0)) for sign in (-1, 1)]
    excess = [_fieller(top, bottom, student(each, freedom)) for each in (critical, third)]
    shift = top.value / bottom.value

    def rest(shift: float) -> Array:
        return np.asarray(gram - shift * (cross + cross.T) + shift * shift * own)

    middle = squared_norm(batches.rows, rest(shift), size)
    ends = [squared_norm(batches.rows, rest(each), size).limits(third)[1] for each in (*excess[1], shift)]
    # The part across is the shortest of all; the lower limit is taken there, the upper one at the ends of the scale.
    across = (middle.limits(third)[0], max(ends))
    sides = [(1 + a) * b for a in excess[1] for b in norms]
    low, high = squared_norm(batches.rows, gram, size).limits(third)
    units = (floor, floor) if floor else (norms[1], norms[0])
    length = math.sqrt(max(middle.estimate, 0.0))
    return GradientFigures(
        relative_error=_root(gram, batches, size, (low / units[0], high / units[1]), floor or norm),
        scale=Figure(estimate=1 + shift, interval=(1 + excess[0][0], 1 + excess[0][1])),
        angle=_angle(length, (1 + shift) * norm, across, sides),
        length=_length(length, (1 + shift) * norm, across, (min(sides), max(sides)), norm),
        spread=middle.spread / norm**4,
    )


def split(critical: float, parts: int) -> float:
    """Return the critical value of a normal statistic that shares its error rate with others.

    Example:
        >>> round(split(1.96, 2), 2)
        2.24
    """
    return float(-special.ndtri(special.ndtr(-critical) / parts))


@dataclass(frozen=True)
class _Estimate:
    """A mean over pairs of rows of different batches, and its values without each batch."""

    value: float
    left: Array


def _leave_one_out(rows: NDArray[np.int64], products: Array) -> _Estimate:
    sizes = rows.astype(np.float64)
    total, diagonal = sizes.sum(), np.diag(products)
    pairs, whole = total**2 - (sizes**2).sum(), products.sum() - diagonal.sum()
    own = products.sum(axis=0) + products.sum(axis=1) - 2 * diagonal
    return _Estimate(float(whole / pairs), np.asarray((whole - own) / (pairs - 2 * sizes * (total - sizes))))


def _covariance(a: Array, b: Array) -> float:
    """Return the jackknife's covariance of two estimates."""
    return float(((a - a.mean()) * (b - b.mean())).sum()) * (len(a) - 1) / len(a)


def _fieller(top: _Estimate, bottom: _Estimate, critical: float) -> tuple[float, float]:
    """Return the limits of a ratio: the numbers a whose ``top - a bottom`` is not told from zero.

    References:
        Fieller (1954), Some problems in interval estimation.
    """
    square = critical * critical
    a = bottom.value**2 - square * _covariance(bottom.left, bottom.left)
    b = top.value * bottom.value - square * _covariance(top.left, bottom.left)
    c = top.value**2 - square * _covariance(top.left, top.left)
    if not a > 0:
        return -math.inf, math.inf
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a


def _mean(rows: NDArray[np.int64], sums: Array) -> tuple[float, float]:
    """Return the mean of one row and its standard error, from batch sums."""
    mean = float(sums.sum() / rows.sum())
    variance = float((rows * (sums / rows - mean) ** 2).sum()) / (len(rows) - 1)
    return mean, math.sqrt(variance / float(rows.sum()))


def _root(gram: Array, batches: Batches, size: int, interval: tuple[float, float], unit: float) -> Figure:
    square = squared_norm(batches.rows, gram, size).estimate
    return Figure(estimate=math.sqrt(max(square, 0.0)) / unit, interval=interval)


def _angle(across: float, along: float, limits: tuple[float, float], sides: Iterable[float]) -> Figure:
    return Figure(estimate=math.degrees(math.atan2(across, along)), interval=angle_between(limits, sides))


def _length(across: float, along: float, limits: tuple[float, float], sides: tuple[float, float], norm: float) -> Figure:
    nearest = 0.0 if sides[0] <= 0 <= sides[1] else min(abs(side) for side in sides)
    interval = (math.hypot(limits[0], nearest) / norm, math.hypot(limits[1], max(abs(side) for side in sides)) / norm)
    return Figure(estimate=math.hypot(across, along) / norm, interval=interval)


def _point(value: float) -> Figure:
    return Figure(estimate=value, interval=(value, value))


def _norm(vector: Array) -> float:
    return math.sqrt(float((vector * vector).sum()))
