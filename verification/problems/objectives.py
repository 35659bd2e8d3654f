"""Objectives of one number that expose different errors: polynomial, exponential, indicator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Objective", "exponential", "indicator", "polynomial"]


@dataclass(frozen=True)
class Objective:
    """A named function of one number per row.

    Attributes:
        name: The name in a problem's key.
        function: The function, ``[rows]`` -> ``[rows]``.
        degree: The degree if it is a polynomial, else None.
        continuous: True if it is continuous.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    degree: int | None = None
    continuous: bool = True


def polynomial(name: str, degree: int, offset: float = 0.0) -> Objective:
    """Return the objective ``(x + offset)^degree``."""
    return Objective(name, lambda x: (x + offset) ** degree, degree)


def exponential(scale: float = 1.0) -> Objective:
    """Return the objective ``exp(x / scale)``."""
    return Objective("exponential", lambda x: torch.exp(x / scale))


def indicator(threshold: float) -> Objective:
    """Return the objective ``1[x > threshold]``, whose derivative is zero wherever it exists."""
    return Objective("indicator", lambda x: (x > threshold).to(x.dtype), continuous=False)
