"""Probing of batches: what one number for all rows sums up, and whether rows depend on each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from torch import Tensor

from .batches import BatchConvention
from .convention import AmbiguousTargetError
from .trial import FEW_ROWS

__all__ = ["Slopes", "is_mean", "settled_batch", "tied"]

_MANY_ROWS = 1024


Batched = TypeVar("Batched", bound=BatchConvention)

Slopes = Callable[[Batched, int, float], Tensor]
"""(convention, rows, a factor on the first row's objective) -> the gradients of one call, ``[rows, ...]``."""


def settled_batch(convention: Batched, slopes: Slopes[Batched], batch: int) -> Batched:
    """The convention with what a scalar loss sums up, and how many rows are one replicate.

    Args:
        convention: As far as it is known.
        slopes: Makes calls.
        batch: Rows of one replicate, where that is stated; else two are where they depend on each other.

    Raises:
        AmbiguousTargetError: A scalar loss is neither a mean nor a sum.
    """
    if convention.is_loss and convention.reduction == "mean":
        convention = replace(convention, reduction=_reduction(convention, slopes))
    if not convention.is_loss and convention.layout == "rows" and is_mean(_growth(convention, slopes)):
        convention = replace(convention, reduction="mean")
    group = batch or (2 if tied(convention, slopes) else 1)
    return convention.with_group(group)


def tied(convention: Batched, slopes: Slopes[Batched]) -> bool:
    """Whether other rows change when the objective of the first does."""
    plain, loud = (slopes(convention, FEW_ROWS, each) for each in (1.0, 1e3))
    return plain.shape == loud.shape and bool((plain[1:] != loud[1:]).any())


def is_mean(growth: float) -> bool:
    """Whether a row's gradient falls as the batch grows."""
    return 0.5 < growth / (_MANY_ROWS / FEW_ROWS) < 2


def _reduction(convention: Batched, slopes: Slopes[Batched]) -> str:
    """A mean's gradient in one row falls with the number of rows, a sum's does not."""
    ratio = _growth(convention, slopes)
    if 0.5 < ratio < 2:
        return "sum"
    if is_mean(ratio):
        return "mean"
    raise AmbiguousTargetError(
        f"its loss is one number, and grows neither as a mean nor as a sum over rows (gradients of {FEW_ROWS} rows are "
        f"{ratio:.3g} times those of {_MANY_ROWS}); give a function that returns one loss a row"
    )


def _growth(convention: Batched, slopes: Slopes[Batched]) -> float:
    """The size of a row's gradient in a small batch over that in a large one."""
    sizes = [slopes(convention, rows, 1.0).square().mean().sqrt() for rows in (FEW_ROWS, _MANY_ROWS)]
    return float(sizes[0] / sizes[1])
