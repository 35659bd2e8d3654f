"""Jumps of an objective in its parameters with the noise held fixed: there, no derivative of the samples gives the mean's."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..finite_difference import difference_steps

__all__ = ["Objective", "count_jumping_rows"]

Objective = Callable[[Float[Tensor, "rows *param"]], Float[Tensor, " rows"]]
"""A function with one value per row of parameters; every call draws the same noise."""

_WIDTHS = (0.1, 1e-2, 1e-4)  # the widest at which the program runs detects the most jumps
_HALVINGS = 12  # done twice: a change that survives the second time is no slope
_NOISE = (1e-3, 1e-6)  # relative to the objective's spread and to its size: samples may be rounded to single precision


def count_jumping_rows(objective: Objective, params: Tensor, rows: int) -> int:
    """Count the rows whose objective jumps near a point.

    Every row moves one coordinate over ``theta_j (1 +- h)``. The interval is halved 24 times, and each time the half is kept in
    which the objective changes more. Over the last 12 halvings the change in a smooth row falls by about 2^12, and the change
    in a row that jumps does not. A jump of density k per unit of theta_j is missed with probability
    ``exp(-2 h |theta_j| k rows / d)``. Cost: 26 evaluations per row.

    Args:
        objective: The objective with its noise held fixed.
        params: One point, ``[*param]``.
        rows: The number of rows to try; they take turns over the coordinates.

    Returns:
        The number of rows that jump; 0 if the program runs at no other point.

    Example:
        >>> noise = torch.linspace(0, 1, 101)
        >>> count_jumping_rows(lambda theta: (noise < theta).double(), torch.tensor(0.505), 101)
        10
        >>> count_jumping_rows(lambda theta: torch.sigmoid((theta - noise) / 0.01), torch.tensor(0.505), 101)
        0
    """
    for width in _WIDTHS:
        steps = difference_steps(params, width)
        shift = torch.diag(steps)[torch.arange(rows, device=params.device) % len(steps)].reshape(rows, *params.shape)
        ends = params - shift, params + shift
        try:
            values = objective(ends[0]), objective(ends[1])
        except ValueError:  # outside the domain of a distribution's parameters
            continue
        if all(bool(value.isfinite().all()) for value in values):
            return _count_jumps(objective, ends, values)
    return 0


def _count_jumps(objective: Objective, ends: tuple[Tensor, Tensor], values: tuple[Tensor, Tensor]) -> int:
    """Count the rows whose change does not shrink with the interval."""
    both = torch.cat(values)
    noise = _NOISE[0] * (both.max() - both.min()) + _NOISE[1] * both.abs().max()
    ends, values = _halve_intervals(objective, ends, values)
    before = values[1] - values[0]
    ends, values = _halve_intervals(objective, ends, values)
    after = (values[1] - values[0]).abs()
    return int(((after > noise) & (after > before.abs() / 2)).sum())


def _halve_intervals(
    objective: Objective, ends: tuple[Tensor, Tensor], values: tuple[Tensor, Tensor]
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Halve the interval of every row repeatedly, keeping the half with the larger change."""
    (low, high), (first, last) = ends, values
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        value = objective(middle)
        upper = (last - value).abs() > (value - first).abs()
        wide = upper.reshape(-1, *[1] * (low.dim() - 1))
        low, high = torch.where(wide, middle, low), torch.where(wide, high, middle)
        first, last = torch.where(upper, value, first), torch.where(upper, last, value)
    return (low, high), (first, last)
