"""Probes of batches: the reduction of a scalar loss, and the dependence between rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from torch import Tensor

from .batches import BatchConvention
from .convention import AmbiguousTargetError
from .trial import FEW_ROWS

__all__ = ["Slopes", "has_tied_rows", "is_mean", "settle_batch"]

_MANY_ROWS = 1024


Batched = TypeVar("Batched", bound=BatchConvention)

Slopes = Callable[[Batched, int, float], Tensor]
"""A function (convention, rows, factor on the first row's objective) -> the gradients of one call, ``[rows, ...]``."""


def settle_batch(convention: Batched, slopes: Slopes[Batched], batch: int) -> Batched:
    """Return the convention with the reduction of a scalar loss and the number of rows per replicate.

    Args:
        convention: The convention as far as it is known.
        slopes: The function that calls the target and returns its gradients.
        batch: The number of rows per replicate, if it is stated. If it is 0, two rows are one replicate if the rows depend on
            each other.

    Raises:
        AmbiguousTargetError: A scalar loss is neither a mean nor a sum.
    """
    if convention.is_loss and convention.reduction == "mean":
        convention = replace(convention, reduction=_find_reduction(convention, slopes))
    if not convention.is_loss and convention.layout == "rows" and is_mean(_measure_growth(convention, slopes)):
        convention = replace(convention, reduction="mean")
    group = batch or (2 if has_tied_rows(convention, slopes) else 1)
    return convention.with_group(group)


def has_tied_rows(convention: Batched, slopes: Slopes[Batched]) -> bool:
    """Return True if the gradients of other rows change when the objective of the first row changes."""
    plain, loud = (slopes(convention, FEW_ROWS, factor) for factor in (1.0, 1e3))
    return plain.shape == loud.shape and bool((plain[1:] != loud[1:]).any())


def is_mean(growth: float) -> bool:
    """Return True if the gradient of a row falls in proportion as the batch grows."""
    return 0.5 < growth / (_MANY_ROWS / FEW_ROWS) < 2


def _find_reduction(convention: Batched, slopes: Slopes[Batched]) -> str:
    """Return the reduction of a scalar loss: the gradient of a row falls with the number of rows for a mean, not for a sum."""
    ratio = _measure_growth(convention, slopes)
    if 0.5 < ratio < 2:
        return "sum"
    if is_mean(ratio):
        return "mean"
    raise AmbiguousTargetError(
        f"it returns one number as its loss, which is neither a mean nor a sum over rows (the gradients for {FEW_ROWS} rows "
        f"are {ratio:.3g} times those for {_MANY_ROWS}); give a function that returns one loss per row"
    )


def _measure_growth(convention: Batched, slopes: Slopes[Batched]) -> float:
    """Return the size of a row's gradient in a small batch, divided by its size in a large one."""
    sizes = [slopes(convention, rows, 1.0).square().mean().sqrt() for rows in (FEW_ROWS, _MANY_ROWS)]
    return float(sizes[0] / sizes[1])
