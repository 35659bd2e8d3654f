"""Constants under forward mode: tensors that carry a derivative of zero where others carry one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import forward_ad

__all__ = ["constant_beside"]


def constant_beside(dual: Tensor, tensor: Tensor) -> Tensor:
    """A tensor that is about to meet a dual number, its derivative of zero written out.

    PyTorch takes the derivative of ``a / b`` or ``a * b`` through Python where only one of them has one, at 150 microseconds
    an operation whatever its size; zeros that are there cost a pass over memory.

    Args:
        dual: What it meets; where that has no derivative, nothing is done.
        tensor: Any tensor; one of integers, or with a derivative, is returned as it is.

    Example:
        >>> import torch
        >>> from gradverify.estimators.alternatives.jumps import dual_number
        >>> with forward_ad.dual_level():
        ...     dual = dual_number(torch.ones(2))
        ...     forward_ad.unpack_dual(constant_beside(dual, torch.ones(2))).tangent
        tensor([0., 0.])
    """
    if not tensor.is_floating_point() or _tangent(dual) is None or _tangent(tensor) is not None:
        return tensor
    return forward_ad.make_dual(tensor, torch.zeros_like(tensor))  # type: ignore[no-any-return]


def _tangent(tensor: Tensor) -> Tensor | None:
    found: Tensor | None = forward_ad.unpack_dual(tensor).tangent
    return found
