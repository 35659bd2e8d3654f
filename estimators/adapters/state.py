"""A test for state in foreign code."""

from __future__ import annotations

from typing import Any

import torch

from .answers import find_tensors
from .calling import call_target
from .convention import Convention
from .copying import copy_target
from .randomness import fork_randomness

__all__ = ["keeps_state"]


def keeps_state(target: Any, convention: Convention) -> bool:
    """Return True if a second call with the same arguments and seed gives another result, and a copy of the target does not.

    State outside the object, in a module or a closure, cannot be restored. A callable with such state does not repeat its
    results, and fails the structural checks.
    """
    if copy_target(target) is target:
        return False
    subject = copy_target(target)
    first, second, of_copy = (_call(callable_, convention) for callable_ in (subject, subject, copy_target(target)))
    return _are_equal(first, of_copy) and not _are_equal(first, second)


def _call(target: Any, convention: Convention) -> list[torch.Tensor]:
    """Return the tensors of a call and their derivatives, since state may show in the derivatives alone."""
    generator = torch.Generator().manual_seed(0)
    filled = {**convention.fill_trial(), "generator": generator}
    leaf = filled[convention.leaf]
    with fork_randomness(generator, target):
        try:
            tensors = [tensor for _, tensor in find_tensors(call_target(target, convention, filled))]
            return [tensor.detach() for tensor in tensors] + [
                _differentiate(each, leaf) for each in tensors if each.requires_grad
            ]
        except Exception:
            return []


def _differentiate(tensor: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
    """Return the derivative of a weighted sum of a tensor's elements."""
    # The weights differ, because the plain sum of a softmax has no derivative.
    weight = torch.linspace(-1.0, 1.0, tensor.numel(), dtype=torch.float64, device=tensor.device).reshape(tensor.shape)
    (slope,) = torch.autograd.grad((tensor * (1 + weight)).sum(), leaf, allow_unused=True, retain_graph=True)
    return torch.zeros(0) if slope is None else slope


def _are_equal(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
