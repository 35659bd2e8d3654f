"""Whether foreign code remembers its calls."""

from __future__ import annotations

from typing import Any

import torch

from .answers import entries
from .calling import answer, fresh
from .convention import Convention
from .randomness import forked

__all__ = ["keeps_state"]


def keeps_state(target: Any, convention: Convention) -> bool:
    """Whether a second call with the same arguments and seed gives something else, and a copy of the target forgets that.

    State outside the object (of a module, in a closure) cannot be put back: such a callable repeats nothing, and fails the
    structural checks for it.
    """
    if fresh(target) is target:
        return False
    subject = fresh(target)
    first, again, copied = (_tensors(each, convention) for each in (subject, subject, fresh(target)))
    return _alike(first, copied) and not _alike(first, again)


def _tensors(target: Any, convention: Convention) -> list[torch.Tensor]:
    """What a call returns, and the derivatives that it attaches: state may show in these alone."""
    generator = torch.Generator().manual_seed(0)
    filled = {**convention.trial_call(), "generator": generator}
    leaf = filled[convention.leaf]
    with forked(generator, target):
        try:
            given = [each for _, each in entries(answer(target, convention, filled))]
            return [each.detach() for each in given] + [_slope(each, leaf) for each in given if each.requires_grad]
        except Exception:
            return []


def _slope(tensor: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor:
    # Weights that differ: the plain sum of a softmax has no derivative.
    weight = torch.linspace(-1.0, 1.0, tensor.numel(), dtype=torch.float64, device=tensor.device).reshape(tensor.shape)
    (slope,) = torch.autograd.grad((tensor * (1 + weight)).sum(), leaf, allow_unused=True, retain_graph=True)
    return torch.zeros(0) if slope is None else slope


def _alike(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
