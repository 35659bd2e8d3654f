"""Noise at the ends of its range, which samples show once in ten million draws.

A generator returns its least and its greatest number so seldom that no budget of rows is sure to meet them, and there a
logarithm or a quotient overflows. Here one number of a row is replaced by one of those, never two: two of them meet in one row
with a probability of 2^-48, and an estimator that overflows only there has no fault that a run could show.
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
"""The ends of PyTorch's exponential noise: never zero, and drawn from longer uniforms, so that 1 - e^-x may round to 1."""
_SHARES = 8


class ExtremeNoise(TorchFunctionMode):
    """A context in which one uniform or exponential number of each row that PyTorch draws is one of the ends.

    Row ``i`` takes its end at a draw with probability ``2^-(1 + i mod 8)``, until it has had it: some rows at the first draw,
    others after hundreds. The ends come in turn, at a random element. Rows are the leading index. If that index is a multiple
    ``m`` of their number, index ``i`` belongs to row ``i // m`` or ``i mod rows``, and neither may have had its end. A draw of
    any other shape could be for any row, so one of all its numbers is replaced.

    The context covers ``torch.rand``, ``rand_like``, ``uniform_`` and ``exponential_``, and the `torch.distributions` that use
    them. It leaves normal, integer, ``cauchy_``, ``geometric_`` and ``log_normal_`` noise alone, as well as the numbers of
    NumPy's and Python's generators and of compiled code. The generators advance as usual.

    Args:
        rows: The number of rows that a call draws.
        seed: Seed of the choice of the numbers that are replaced.

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
        # PyTorch's own generators do not serve: within its vmap, even a separate one draws numbers that are hidden from Python.
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
        """Call a function of PyTorch and replace some of the numbers that it drew."""
        drawn = func(*args, **(kwargs or {}))
        if func in (torch.rand, torch.rand_like):
            return self._replace(drawn, uniform_ends(drawn.dtype))
        if func is Tensor.exponential_:
            rate, least = _get_argument(args, kwargs, 1, "lambd", 1.0), torch.finfo(drawn.dtype).tiny
            return self._replace(drawn, [max(each / rate, least) for each in _EXPONENTIAL_ENDS])
        if func is Tensor.uniform_:
            low, high = _get_argument(args, kwargs, 1, "from", 0.0), _get_argument(args, kwargs, 2, "to", 1.0)
            return self._replace(drawn, uniform_ends(drawn.dtype, low, high))
        return drawn

    def _replace(self, drawn: Tensor, ends: Sequence[float]) -> Tensor:
        """Overwrite some elements of a tensor and return it."""
        with torch.no_grad():
            for place in self._places(drawn.shape):
                drawn[place] = ends[next(self._turn) % len(ends)]
        return drawn

    def _places(self, shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        """Yield the places at which rows take their end at this draw."""
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
    """Return the least uniform number of a type, the next one, and the greatest, which is less than `high`.

    Uniforms of single precision are multiples of 2^-24, those of a shorter type of half its epsilon. Double precision counts as
    single, because its numbers are often made from single ones.
    """
    step = max(_SINGLE_STEP, torch.finfo(dtype).eps / 2)
    greatest = float(torch.nextafter(torch.tensor(high, dtype=dtype), torch.tensor(low, dtype=dtype)))
    return low, min(low + (high - low) * step, greatest), min(low + (high - low) * (1 - step), greatest)


def _get_argument(args: tuple[Any, ...], kwargs: Mapping[str, Any] | None, place: int, name: str, otherwise: float) -> float:
    return float(args[place] if len(args) > place else (kwargs or {}).get(name, otherwise))
