"""Conventions that take a batch of rows, and a loss of one as gradients."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from ..protocol import NoGradientPathError
from .convention import Convention, ForeignError

__all__ = ["REDUCTION_WORDS", "BatchConvention", "loss_gradient", "value_words"]

REDUCTION_WORDS = {"rows": "one a row", "mean": "their mean", "sum": "their sum"}


@dataclass(frozen=True, repr=False)
class BatchConvention(Convention):
    """What the kinds have in common that take a batch, and return a loss or gradients.

    Attributes:
        is_loss: It returns a loss.
        reduction: Of a loss: ``rows``, ``mean`` or ``sum``; of a gradient: ``rows``, or ``mean`` where one call gives one, or
            that of a batch's mean.
        group: Rows of one call that are one replicate, because they depend on each other; 1 where they do not.
    """

    is_loss: ClassVar[bool]

    reduction: str = "rows"
    group: int = 1

    @property
    def group_words(self) -> list[str]:
        """What a sentence says of rows that depend on each other."""
        tied = f"rows of a batch depend on each other, so a batch of {self.group} is one replicate"
        return [tied] if self.group > 1 else []

    @abstractmethod
    def with_group(self, size: int) -> Self:
        """The convention with another number of rows that are one replicate."""


def value_words(right: bool) -> str:
    """What a sentence says of a surrogate loss's own value."""
    return f"its value {'is' if right else 'is not'} the objective's"


def loss_gradient(loss: Tensor, leaf: Tensor, convention: BatchConvention) -> Tensor:
    """A surrogate loss as gradients, one a row of what it was handed.

    Args:
        loss: One number, or one a row.
        leaf: What it was handed, ``[rows, ...]``.
        convention: What the loss sums up.

    Raises:
        NoGradientPathError: The loss came without a graph, or without what it was handed in it.
        ForeignError: Another shape than was probed.
    """
    if not loss.requires_grad:
        raise NoGradientPathError(f"site 0: its {convention.takes} require a gradient, the {loss.dtype} loss carries none")
    if (loss.dim() == 0) != (convention.reduction != "rows") or loss.numel() not in (1, len(leaf)):
        raise ForeignError(f"it returned a loss of shape {tuple(loss.shape)} for {len(leaf)} rows; other than it was probed")
    (gradient,) = torch.autograd.grad(loss.sum(), leaf, allow_unused=True)
    if gradient is None:
        raise NoGradientPathError(f"site 0: the loss does not depend on the {convention.takes} that it was handed")
    return gradient * len(leaf) if convention.reduction == "mean" else gradient
