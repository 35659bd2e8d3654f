"""Probes of batches: the reduction of a scalar loss, and the dependence between rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from .batches import BatchConvention
from .convention import AmbiguousTargetError
from .trial import FEW_ROWS

__all__ = ["Slopes", "Values", "has_tied_rows", "is_mean", "measure_growth", "settle_batch"]

_MANY_ROWS = 1024
_SEEDS = range(5)
_UNDECIDED = 0.12  # of the logarithm between a sum and a mean, on both sides of its middle


Batched = TypeVar("Batched", bound=BatchConvention)
Batched_contra = TypeVar("Batched_contra", bound=BatchConvention, contravariant=True)


class Slopes(Protocol[Batched_contra]):
    """A function that calls the target and returns its gradients."""

    def __call__(self, convention: Batched_contra, rows: int, factor: float, seed: int = 0) -> Tensor:
        """Return the gradients of one call, ``[rows, ...]``; the factor multiplies the first row's objective."""
        ...


Values = Callable[[Batched, int], float]
"""A function (convention, rows) -> the value of one call's loss."""


def settle_batch(convention: Batched, slopes: Slopes[Batched], batch: int, values: Values[Batched] | None = None) -> Batched:
    """Return the convention with the reduction of a scalar loss and the number of rows per replicate.

    Args:
        convention: The convention as far as it is known.
        slopes: The function that calls the target and returns its gradients.
        batch: The number of rows per replicate, if it is stated. If it is 0, two rows are one replicate if the rows depend on
            each other.
        values: The function that calls the target and returns the value of its loss. It decides between a mean and a sum where
            every gradient is zero.

    Raises:
        AmbiguousTargetError: A scalar loss is neither a mean nor a sum.
    """
    if convention.is_loss and convention.reduction == "mean" and convention.layout == "rows":
        convention = replace(convention, reduction=_find_reduction(convention, slopes, values))
    if not convention.is_loss and convention.layout == "rows" and is_mean(measure_growth(convention, slopes)):
        convention = replace(convention, reduction="mean")
    group = batch or (2 if has_tied_rows(convention, slopes) else 1)
    return convention.with_group(group)


def has_tied_rows(convention: Batched, slopes: Slopes[Batched]) -> bool:
    """Return True if the gradients of other rows change when the objective of the first row changes."""
    plain, loud = (slopes(convention, FEW_ROWS, factor) for factor in (1.0, 1e3))
    return plain.shape == loud.shape and bool((plain[1:] != loud[1:]).any())


def is_mean(growth: float) -> bool:
    """Return True if the gradient of a row falls in proportion as the batch grows, rather than staying as it is.

    The nearer of the two decides.
    """
    return growth > 0 and _read_power(growth) > 0.5


def measure_growth(convention: Batched, slopes: Slopes[Batched]) -> float:
    """Return the size of a row's gradient in a small batch, divided by its size in a large one; NaN if either is zero.

    A size is the squared mean of the square roots of the norms of rows that are not zero, over several calls: single gradients
    may be very large, and most of them may be small.
    """
    sizes = []
    for rows in (FEW_ROWS, _MANY_ROWS):
        norms = torch.cat([_take_norms(slopes(convention, rows, 1.0, seed)) for seed in _SEEDS])
        sizes.append(float(norms[norms > 0].sqrt().mean() ** 2))  # NaN if there are none
    return sizes[0] / sizes[1]


def _take_norms(gradients: Tensor) -> Tensor:
    """Return the norm of each row, ``[rows]``."""
    flat = gradients.detach().double()
    return flat.reshape(len(flat), -1).norm(dim=1) if len(flat) else flat.reshape(0)


def _read_power(growth: float) -> float:
    """Return the power of the number of rows with which gradients fall: 0 for a sum, 1 for a mean."""
    return math.log(growth) / math.log(_MANY_ROWS / FEW_ROWS)


def _find_reduction(convention: Batched, slopes: Slopes[Batched], values: Values[Batched] | None) -> str:
    """Return the reduction of a scalar loss: the gradient of a row falls with the number of rows for a mean, not for a sum."""
    growth = measure_growth(convention, slopes)
    if math.isnan(growth):
        return _find_reduction_of_value(convention, values)
    power = _read_power(growth)
    if abs(power - 0.5) > _UNDECIDED:
        return "mean" if power > 0.5 else "sum"
    raise AmbiguousTargetError(
        f"it returns one number as its loss, which is neither a mean nor a sum over rows (the gradients for {FEW_ROWS} rows "
        f"are {growth:.3g} times those for {_MANY_ROWS}); give a function that returns one loss per row"
    )


def _find_reduction_of_value(convention: Batched, values: Values[Batched] | None) -> str:
    """Return the reduction of a scalar loss whose gradients are zero: its value grows with the rows if it is a sum.

    A loss that is zero as well has the gradient zero under either reduction.
    """
    few, many = (abs(values(convention, rows)) if values else 0.0 for rows in (FEW_ROWS, _MANY_ROWS))
    return "sum" if few > 0 and not is_mean(_MANY_ROWS / FEW_ROWS * few / max(many, few / _MANY_ROWS)) else "mean"
