"""Objectives of one number, of the kinds that expose different errors: polynomial, exponential, indicator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Objective", "exponential", "indicator", "polynomial"]


@dataclass(frozen=True)
class Objective:
    """A named function of one number a row.

    Attributes:
        name: As it stands in a problem's key.
        function: ``[rows]`` -> ``[rows]``.
        degree: Its degree if it is a polynomial, else None.
        continuous: Whether it is continuous.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    degree: int | None = None
    continuous: bool = True


def polynomial(name: str, degree: int, offset: float = 0.0) -> Objective:
    """``(x + offset)^degree``."""
    return Objective(name, lambda x: (x + offset) ** degree, degree)


def exponential(scale: float = 1.0) -> Objective:
    """``exp(x / scale)``."""
    return Objective("exponential", lambda x: torch.exp(x / scale))


def indicator(threshold: float) -> Objective:
    """``1[x > threshold]``: its derivative is zero wherever it exists."""
    return Objective("indicator", lambda x: (x > threshold).to(x.dtype), continuous=False)
