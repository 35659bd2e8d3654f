"""The field's toys: bits that share one logit, and polynomial programming over two-way categories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.distributions import Bernoulli, OneHotCategorical

from ...estimators.protocol import Program, Sample
from .problem import Problem

__all__ = ["THREE_BITS", "bits_near", "polynomial_loss", "polynomial_programming", "toy_vae"]

THREE_BITS = (0.6, 0.51, 0.48)
"""The targets of three bits that share one logit, in the toy of Liu et al. (2019) and Kool et al. (2020)."""

_TARGET = 0.45


def toy_vae(count: int) -> list[Problem]:
    """Return E[sum_i (b_i - 0.45)^2] over bits of one logit; the derivative in it is ``count (1 - 0.9) p (1 - p)``.

    This is the toy of REBAR (count 1), RELAX, ARM and DisARM. Either value of a bit is near its target, so the score function's
    rows are many times as large as the gradient.

    References:
        Tucker et al. (2017), arXiv 1703.07370; Grathwohl et al. (2018), arXiv 1711.00123.
    """
    return [
        Problem(
            name=f"toy_vae:{count}/square/logit",
            program=bits_near((_TARGET,) * count),
            params=torch.tensor(-0.8, dtype=torch.float64),
            degree=2,
            chained=False,
            quick=False,
        )
    ]


def bits_near(targets: Sequence[float]) -> Program:
    """Return the program ``sum_i (b_i - c_i)^2`` over independent bits b_i of one logit, the scalar parameter.

    Args:
        targets: The targets c_i, one per bit.
    """

    def program(params: Tensor, sample: Sample) -> Tensor:
        bits = sample(Bernoulli(logits=params.unsqueeze(1).expand(-1, len(targets)), validate_args=False))
        return (bits - params.new_tensor(targets)).square().sum(1)

    return program


def polynomial_programming(power: float) -> Program:
    """Return the program ``mean_d |x_d - 0.45|^power`` over two-way categories x_d with logits ``[D, 2]``.

    References:
        Liu, Dong, Liu, Yu and Gao (2023), arXiv 2304.08612.
    """
    loss = polynomial_loss(power)
    return lambda params, sample: loss(sample(OneHotCategorical(logits=params, validate_args=False)))


def polynomial_loss(power: float) -> Callable[[Tensor], Tensor]:
    """Return the objective of `polynomial_programming` on one-hot vectors, ``[rows, D, 2]`` -> ``[rows]``."""
    return lambda one_hot: (one_hot[..., 1] - _TARGET).abs().pow(power).mean(-1)
