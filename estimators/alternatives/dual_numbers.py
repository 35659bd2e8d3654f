"""Dual numbers: tensors that carry their derivative in forward mode, and constants that meet them."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..sites.reading import FiniteSite

__all__ = ["constant_beside", "dual_number", "split_dual", "with_tangent"]


def dual_number(points: Tensor) -> Tensor:
    """Return points whose derivative is one; call it inside ``forward_ad.dual_level()``."""
    with warnings.catch_warnings():
        # The first dual number makes PyTorch load its own deprecated scripting code.
        warnings.simplefilter("ignore", DeprecationWarning)
        return forward_ad.make_dual(points, torch.ones_like(points))  # type: ignore[no-any-return]


def split_dual(dual: Tensor) -> tuple[Tensor, Tensor]:
    """Split a dual number into its value and its derivative, which is zero if it carries none."""
    primal, tangent = forward_ad.unpack_dual(dual)
    return primal, torch.zeros_like(primal) if tangent is None else tangent


def with_tangent(site: FiniteSite) -> tuple[FiniteSite, Tensor]:
    """Split a site that was read in forward mode into a plain site and ``dp / dtheta``, which has the shape of ``probs``."""
    primal, tangent = split_dual(site.probs)
    return site.with_probs(primal), tangent


def constant_beside(dual: Tensor, tensor: Tensor) -> Tensor:
    """Give a tensor that is about to meet a dual number an explicit derivative of zero.

    If only one operand of ``a / b`` or ``a * b`` has a derivative, PyTorch computes the product's derivative in Python, which
    costs 150 microseconds an operation whatever its size. Explicit zeros cost one pass over memory.

    Args:
        dual: The tensor that the other one will meet; if it has no derivative, nothing is done.
        tensor: Any tensor; a tensor of integers, or one that has a derivative, is returned unchanged.

    Example:
        >>> with forward_ad.dual_level():
        ...     dual = dual_number(torch.ones(2))
        ...     forward_ad.unpack_dual(constant_beside(dual, torch.ones(2))).tangent
        tensor([0., 0.])
    """
    if not tensor.is_floating_point() or _tangent(dual) is None or _tangent(tensor) is not None:
        return tensor
    return forward_ad.make_dual(tensor, torch.zeros_like(tensor))  # type: ignore[no-any-return]


def _tangent(tensor: Tensor) -> Tensor | None:
    tangent: Tensor | None = forward_ad.unpack_dual(tensor).tangent
    return tangent
