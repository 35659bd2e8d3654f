"""Noise at the ends of its range: what a sample shows once in ten million draws, shown at once.

A generator returns the least and the greatest of its numbers so seldom that no budget of rows is sure to see them, and it is
there that a logarithm or a quotient overflows. Here a part of what is drawn is replaced by those numbers, whatever generator it
comes from and whoever draws it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["ENDS", "ExtremeNoise"]

ENDS = (0.0, 2.0**-24, 1 - 2.0**-24)
"""The ends of a uniform: zero is drawn in single precision, once in 2^24, and one never is."""

_EXPONENTIAL_ENDS = tuple(-math.log1p(-each) for each in ENDS[1:])
"""PyTorch's exponential noise is never zero."""


class ExtremeNoise(TorchFunctionMode):
    """Within this context every uniform and exponential number that PyTorch draws is one of the ends with probability 1/2.

    ``rand``, ``rand_like``, ``uniform_`` and ``exponential_`` are covered, and what `torch.distributions` makes of them. Normal
    and integer noise is left as it is. The generators advance as ever. Half of the numbers stay ordinary, so that what draws
    until it is content does end.

    Args:
        seed: Of the choice of the numbers that are replaced.

    Example:
        >>> with ExtremeNoise(0):
        ...     drawn = torch.rand(1000)
        >>> [bool((drawn == end).any()) for end in ENDS]
        [True, True, True]
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._choice = torch.Generator().manual_seed(seed)

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
            return self._replaced(drawn, ENDS)
        if func is Tensor.exponential_:
            rate = _argument(args, kwargs, 1, "lambd", 1.0)
            return self._replaced(drawn, [each / rate for each in _EXPONENTIAL_ENDS])
        if func is Tensor.uniform_:
            low, high = _argument(args, kwargs, 1, "from", 0.0), _argument(args, kwargs, 2, "to", 1.0)
            return self._replaced(drawn, [low + (high - low) * each for each in ENDS])
        return drawn

    def _replaced(self, drawn: Tensor, ends: Sequence[float]) -> Tensor:
        """The tensor itself, half of its elements overwritten."""
        chosen = torch.randint(2 * len(ends), drawn.shape, generator=self._choice).to(drawn.device)
        with torch.no_grad():
            for number, end in enumerate(ends):
                drawn.masked_fill_(chosen == number, end)
        return drawn


def _argument(args: tuple[Any, ...], kwargs: Mapping[str, Any] | None, place: int, name: str, otherwise: float) -> float:
    return float(args[place] if len(args) > place else (kwargs or {}).get(name, otherwise))
