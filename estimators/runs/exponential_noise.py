"""Exponential noise, from which Gumbel, Dirichlet and waiting times are made."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["exponential_like"]


def exponential_like(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Draw standard exponentials, all of them positive.

    Rounding makes a zero possible, which a logarithm or a quotient turns into infinity; the smallest normal number stands for
    it. A Gumbel is minus the logarithm of such a draw: -log(-log(u)) would be infinite at u = 0 as well.

    Args:
        tensor: Its shape, floating type and device are those of the draws.
        generator: The source of one draw an entry, on the same device.

    Example:
        >>> exponential_like(torch.zeros(3), torch.Generator().manual_seed(0)) > 0
        tensor([True, True, True])
    """
    noise = torch.empty_like(tensor, requires_grad=False, memory_format=torch.contiguous_format)
    return noise.exponential_(generator=generator).clamp_min_(torch.finfo(tensor.dtype).tiny)
