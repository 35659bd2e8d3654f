"""Statistics that a test of random rows needs: how far off is it, and how small an error would have been seen."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["QUANTILE", "smallest_visible", "variance_and_error", "variance_z_score", "z_scores"]

QUANTILE = 4.9
"""Two-sided: a right mean fails one coordinate with probability 9.6e-7. Seeds are fixed, so a test passes always or never."""

_POWER_QUANTILE = 1.96


def z_scores(rows: Tensor, exact: Tensor | float) -> Tensor:
    """Distance of each coordinate's sample mean from its exact mean in standard errors, ``[*param]``."""
    rows = rows.double()
    error = (rows.mean(0) - exact).abs()
    rounding = 1e-9 * (1 + rows.abs().amax(0))
    return torch.where(error <= rounding, 0.0, error / _standard_error(rows))


def smallest_visible(rows: Tensor) -> Tensor:
    """An error of the mean that `z_scores` finds above `QUANTILE` with probability 97.5 %, ``[*param]``."""
    return (QUANTILE + _POWER_QUANTILE) * _standard_error(rows.double())


def variance_and_error(rows: Tensor) -> tuple[float, float]:
    """A sample variance and its standard error ``sqrt((m4 - s^4) / n)``, the fourth moment from the rows themselves."""
    centred = rows.double() - rows.double().mean()
    variance = centred.square().mean()
    return float(variance), float(((centred**4).mean() - variance**2).div(len(rows)).sqrt())


def variance_z_score(rows: Tensor, exact: float, *, rounding: float) -> tuple[float, float]:
    """Distance of a sample variance from the exact one in standard errors, and the smallest visible relative error.

    Args:
        rows: ``[n]``.
        exact: The exact variance.
        rounding: How far the quoted exact value may lie from the true one; taken off the distance.
    """
    variance, error = variance_and_error(rows)
    distance = max(abs(variance - exact) - rounding, 0.0)
    return distance / error, (QUANTILE + _POWER_QUANTILE) * error / exact


def _standard_error(rows: Tensor) -> Tensor:
    return rows.std(0) / len(rows) ** 0.5
