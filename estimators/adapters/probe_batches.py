"""Probing of batches: what one number for all rows sums up, and whether rows depend on each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from .convention import AmbiguousTargetError, Convention

__all__ = ["SMALL", "Slopes", "is_mean", "settled_batch", "tied"]

SMALL, _LARGE = 64, 1024

Slopes = Callable[[Convention, int, float], Tensor]
"""(convention, rows, a factor on the first row's objective) -> the gradients of one call, ``[rows, ...]``."""


def settled_batch(convention: Convention, slopes: Slopes, batch: int) -> Convention:
    """The convention with what a scalar loss sums up, and how many rows are one replicate.

    Args:
        convention: As far as it is known.
        slopes: Makes calls.
        batch: Rows of one replicate, where that is stated; else two are where they depend on each other.

    Raises:
        AmbiguousTargetError: A scalar loss is neither a mean nor a sum.
    """
    if convention.kind == "surrogate loss" and convention.reduction == "mean":
        convention = replace(convention, reduction=_reduction(convention, slopes))
    if convention.kind == "gradient" and convention.layout == "rows" and is_mean(_growth(convention, slopes)):
        convention = replace(convention, reduction="mean")
    group = batch or (2 if tied(convention, slopes) else 1)
    return replace(convention, group=group, evaluations=group * convention.evaluations)


def tied(convention: Convention, slopes: Slopes) -> bool:
    """Whether other rows change when the objective of the first does."""
    plain, loud = (slopes(convention, SMALL, each) for each in (1.0, 1e3))
    return plain.shape == loud.shape and bool((plain[1:] != loud[1:]).any())


def is_mean(growth: float) -> bool:
    """Whether a row's gradient falls as the batch grows."""
    return 0.5 < growth / (_LARGE / SMALL) < 2


def _reduction(convention: Convention, slopes: Slopes) -> str:
    """A mean's gradient in one row falls with the number of rows, a sum's does not."""
    ratio = _growth(convention, slopes)
    if 0.5 < ratio < 2:
        return "sum"
    if is_mean(ratio):
        return "mean"
    raise AmbiguousTargetError(
        f"its loss is one number, and grows neither as a mean nor as a sum over rows (gradients of {SMALL} rows are "
        f"{ratio:.3g} times those of {_LARGE}); give a function that returns one loss a row"
    )


def _growth(convention: Convention, slopes: Slopes) -> float:
    """The size of a row's gradient in a small batch over that in a large one."""
    sizes = [slopes(convention, rows, 1.0).square().mean().sqrt() for rows in (SMALL, _LARGE)]
    return float(sizes[0] / sizes[1])
