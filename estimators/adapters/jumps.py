"""Jumps of an objective in its parameters, its noise held: where a derivative along the samples says nothing of its mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..finite_difference import difference_steps

__all__ = ["Objective", "jumping_rows"]

Objective = Callable[[Float[Tensor, "rows *param"]], Float[Tensor, " rows"]]
"""One value a row of parameters; a function: every call draws the same noise."""

_WIDTHS = (0.1, 1e-2, 1e-4)  # the widest at which the program runs sees the most
_HALVINGS = 12  # done twice: what is still there after the second time was no slope
_NOISE = (1e-3, 1e-6)  # of the objective's spread, of its size: samples may be rounded to single precision


def jumping_rows(objective: Objective, params: Tensor, rows: int) -> int:
    """Rows whose objective jumps near a point.

    Every row moves one coordinate over ``theta_j (1 +- h)``; the interval is halved 24 times, and the half is kept in which the
    objective changes more. Over the last 12 halvings the change in a smooth row falls by about 2^12, and the change in a row
    that jumps does not. A jump of density k per unit of theta_j is missed with probability ``exp(-2 h |theta_j| k rows / d)``.
    Cost: 26 evaluations a row.

    Args:
        objective: The objective with its noise held.
        params: One point, ``[*param]``.
        rows: Rows to try; they take turns over the coordinates.

    Returns:
        The number of rows that jump; 0 where the program runs at no other point.

    Example:
        >>> noise = torch.linspace(0, 1, 101)
        >>> jumping_rows(lambda theta: (noise < theta).double(), torch.tensor(0.505), 101)
        10
        >>> jumping_rows(lambda theta: torch.sigmoid((theta - noise) / 0.01), torch.tensor(0.505), 101)
        0
    """
    for width in _WIDTHS:
        steps = difference_steps(params, width)
        shift = torch.diag(steps)[torch.arange(rows, device=params.device) % len(steps)].reshape(rows, *params.shape)
        ends = params - shift, params + shift
        try:
            values = objective(ends[0]), objective(ends[1])
        except ValueError:  # beyond where a distribution's parameters end
            continue
        if all(bool(each.isfinite().all()) for each in values):
            return _stay(objective, ends, values)
    return 0


def _stay(objective: Objective, ends: tuple[Tensor, Tensor], values: tuple[Tensor, Tensor]) -> int:
    """Rows whose change does not shrink with the interval."""
    both = torch.cat(values)
    noise = _NOISE[0] * (both.max() - both.min()) + _NOISE[1] * both.abs().max()
    ends, values = _halved(objective, ends, values)
    before = values[1] - values[0]
    ends, values = _halved(objective, ends, values)
    after = (values[1] - values[0]).abs()
    return int(((after > noise) & (after > before.abs() / 2)).sum())


def _halved(
    objective: Objective, ends: tuple[Tensor, Tensor], values: tuple[Tensor, Tensor]
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The interval of every row halved, its half with more change kept each time."""
    (low, high), (first, last) = ends, values
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        value = objective(middle)
        upper = (last - value).abs() > (value - first).abs()
        wide = upper.reshape(-1, *[1] * (low.dim() - 1))
        low, high = torch.where(wide, middle, low), torch.where(wide, high, middle)
        first, last = torch.where(upper, value, first), torch.where(upper, last, value)
    return (low, high), (first, last)
