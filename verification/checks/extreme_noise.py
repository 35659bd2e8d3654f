"""Noise at the ends of its range: what a sample shows once in ten million draws, shown at once.

A generator returns the least and the greatest of its numbers so seldom that no budget of rows is sure to see them, and it is
there that a logarithm or a quotient overflows. Here one number of a row is replaced by one of those, never two: that two meet
in one row has a probability of 2^-48, and what overflows there alone has no fault that a run could show.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["ExtremeNoise", "uniform_ends"]

_SINGLE_STEP = 2.0**-24
_EXPONENTIAL_ENDS = (-math.log1p(-_SINGLE_STEP), 25 * math.log(2))
"""PyTorch's exponential noise is never zero; it is drawn from longer uniforms, so that 1 - e^-x may round to 1."""
_SHARES = 8


class ExtremeNoise(TorchFunctionMode):
    """Within this context, one uniform or exponential number of a row that PyTorch draws is one of the ends.

    Row ``i`` takes its end at a draw with probability ``2^-(1 + i mod 8)``, until it has had it: some rows at the first draw,
    others after hundreds. The ends come in turn, at a random element. Rows are the leading index; where that is a multiple
    ``m`` of their number, index ``i`` is of row ``i // m`` or ``i mod rows``, and neither may have had its end. Draws of any
    other shape could be for any row: one number of them all is replaced.

    Covered are ``torch.rand``, ``rand_like``, ``uniform_`` and ``exponential_``, and what `torch.distributions` makes of them.
    Normal, integer, ``cauchy_``, ``geometric_`` and ``log_normal_`` noise is left as it is, like the numbers of NumPy's and
    Python's generators and of compiled code. The generators advance as ever.

    Args:
        rows: Rows that a call draws for.
        seed: Of the choice of the numbers that are replaced.

    Example:
        >>> with ExtremeNoise(64, seed=0):
        ...     drawn = torch.rand(64, 3)
        >>> ends = sum(drawn == end for end in uniform_ends(drawn.dtype))
        >>> bool(ends.any()), int(ends.sum(1).max())
        (True, 1)
    """

    def __init__(self, rows: int, *, seed: int) -> None:
        super().__init__()
        self._rows = rows
        # Not PyTorch's: within its vmap, even a generator of one's own draws what is hidden from Python.
        self._choice = random.Random(seed)
        self._turn = itertools.count()
        self._had: set[int] = set()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of PyTorch's; what it drew is partly replaced."""
        drawn = func(*args, **(kwargs or {}))
        if func in (torch.rand, torch.rand_like):
            return self._replaced(drawn, uniform_ends(drawn.dtype))
        if func is Tensor.exponential_:
            rate, least = _argument(args, kwargs, 1, "lambd", 1.0), torch.finfo(drawn.dtype).tiny
            return self._replaced(drawn, [max(each / rate, least) for each in _EXPONENTIAL_ENDS])
        if func is Tensor.uniform_:
            low, high = _argument(args, kwargs, 1, "from", 0.0), _argument(args, kwargs, 2, "to", 1.0)
            return self._replaced(drawn, uniform_ends(drawn.dtype, low, high))
        return drawn

    def _replaced(self, drawn: Tensor, ends: Sequence[float]) -> Tensor:
        """The tensor itself, some of its elements overwritten."""
        with torch.no_grad():
            for place in self._places(drawn.shape):
                drawn[place] = ends[next(self._turn) % len(ends)]
        return drawn

    def _places(self, shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Where rows take their end at this draw."""
        size, leading = math.prod(shape), shape[0] if shape else 1
        if not size:
            return
        rows = range(self._rows) if leading % self._rows == 0 else range(self._rows, self._rows + 1)
        each = size // len(rows)
        for number, row in enumerate(rows):
            if row in self._had or self._choice.random() >= 0.5 ** (1 + row % _SHARES):
                continue
            place = number * each + self._choice.randrange(each)
            other = row if len(rows) == 1 else place * leading // size % self._rows
            if other not in self._had:
                self._had |= {row, other}
                yield tuple(int(index) for index in np.unravel_index(place, shape))


def uniform_ends(dtype: torch.dtype, low: float = 0.0, high: float = 1.0) -> tuple[float, float, float]:
    """The least uniform number of a type, the next and the greatest, which is less than `high`.

    Uniforms of single precision are multiples of 2^-24, those of a shorter type of half its epsilon; double precision is taken
    for single, which its numbers are often made from.
    """
    step = max(_SINGLE_STEP, torch.finfo(dtype).eps / 2)
    greatest = float(torch.nextafter(torch.tensor(high, dtype=dtype), torch.tensor(low, dtype=dtype)))
    return low, min(low + (high - low) * step, greatest), min(low + (high - low) * (1 - step), greatest)


def _argument(args: tuple[Any, ...], kwargs: Mapping[str, Any] | None, place: int, name: str, otherwise: float) -> float:
    return float(args[place] if len(args) > place else (kwargs or {}).get(name, otherwise))
