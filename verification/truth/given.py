"""A gradient that the author of a problem gives: to how many digits, and if the program's own agrees."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import torch

from ..problems.problem import Problem
from ..statistics.channels import scales
from .reference import Array, flatten

__all__ = ["GIVEN_DIGITS", "given_gradient", "given_rounding"]

GIVEN_DIGITS = 1e-3
"""The relative difference up to which a given gradient is a rounded one: it may have been given to four digits."""


def given_gradient(problem: Problem) -> Array:
    """Return the author's gradient as a vector of doubles; the problem must have one."""
    return flatten(torch.as_tensor(problem.exact))


def given_rounding(problem: Problem) -> Array:
    """Return the error that the digits of the author's gradient leave, ``[d]``.

    Half a unit of the last digit that a number shows, as 5e-5 for 0.1235, and not more than a thousandth of the gradient's
    scale: a number of few digits, as 7 or 0.5, is rather exact than rounded to one digit.

    Args:
        problem: The problem; its gradient keeps its floating type, which decides how many digits a number shows.
    """
    exact = torch.as_tensor(problem.exact).detach().cpu().reshape(-1)
    shown = exact.double().numpy() if exact.dtype not in (torch.float32, torch.float64) else exact.numpy()
    most = GIVEN_DIGITS * scales(given_gradient(problem), problem.scale_floor)
    return np.minimum([_half_last_digit(str(each)) for each in shown], most)


def _half_last_digit(number: str) -> float:
    exponent = Decimal(number).normalize().as_tuple().exponent
    return 0.5 * 10.0 ** int(exponent) if isinstance(exponent, int) else 0.0
