"""The one loop that draws: chunk by chunk, the moments merged as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ...estimators.protocol import Estimator, Program
from ..shared_state import call_estimator
from ..statistics.moments import Moments

__all__ = ["draw_rows", "draw_rows_watched", "moments_at_looks"]

Array = NDArray[np.float64]

Draw = Callable[[int, int], Sequence[ArrayLike | torch.Tensor]]
"""A function from the number of a chunk and its rows to what is drawn: one ``[rows, d]`` for each series of rows."""


def draw_rows(estimator: Estimator, program: Program, params: torch.Tensor, rows: int, generator: torch.Generator) -> Array:
    """Draw ``[rows, d]`` replicates of an estimator, as doubles on the host."""
    return draw_rows_watched(estimator, program, params, rows, generator)[0]


def draw_rows_watched(
    estimator: Estimator, program: Program, params: torch.Tensor, rows: int, generator: torch.Generator
) -> tuple[Array, str]:
    """Draw ``[rows, d]`` replicates, and return with them a sentence on what the call left changed outside itself."""
    drawn, fault = call_estimator(estimator, program, params, rows, generator)
    return np.asarray(drawn.reshape(rows, -1).double().cpu()), fault


def moments_at_looks(
    draw: Draw, sizes: Iterator[int], looks: Iterable[int], *, until_nonfinite: bool = False
) -> Iterator[tuple[Moments, ...]]:
    """Yield the moments of ever more rows, at every look of all rows drawn until then.

    A chunk is cut where a look falls into it, and the next chunk begins there.

    Args:
        draw: Draws a chunk.
        sizes: The largest number of rows of each chunk.
        looks: Increasing numbers of rows; the next one is asked for when the last one has been dealt with.
        until_nonfinite: If True, a look comes early, and the loop ends, when a row holds NaN or infinity.

    Yields:
        Moments, one for each series of rows.
    """
    seen: tuple[Moments, ...] = ()
    drawn = chunk = 0
    for look in looks:
        while drawn < look:
            rows = min(next(sizes), look - drawn)
            fresh = [Moments.from_rows(values, first_row=drawn) for values in draw(chunk, rows)]
            seen = tuple(old.merge(new) for old, new in zip(seen, fresh, strict=True)) if seen else tuple(fresh)
            drawn, chunk = drawn + rows, chunk + 1
            if until_nonfinite and any(moments.nonfinite for moments in seen):
                yield seen
                return
        yield seen
