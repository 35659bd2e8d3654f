"""The common part of conventions that take a batch of rows, and the gradients of a loss of a batch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from ..protocol import NoGradientPathError
from .convention import Convention, ForeignError

__all__ = ["LOSS_WORDS", "BatchConvention", "describe_value", "differentiate_loss"]

LOSS_WORDS = {
    "rows": "one loss per row",
    "mean": "the mean loss of the rows",
    "sum": "the sum of the losses of the rows",
    "entries": "one entry per category or bit, whose sum is a row's loss",
}


@dataclass(frozen=True, repr=False)
class BatchConvention(Convention):
    """The common part of the kinds that take a batch and return a loss or gradients.

    Attributes:
        is_loss: True if the callable returns a loss.
        reduction: The reduction over rows. A loss has ``rows``, ``mean`` or ``sum``, or ``entries`` if it has one entry for
            each category or bit of a row. A gradient has ``rows``, or ``mean`` if a
            call returns one gradient or the gradients of a batch's mean.
        group: The number of rows of one call that are one replicate because they depend on each other; 1 if they are
            independent.
        objective_gradient: ``keep`` if the objective is handed over with its graph, ``cut`` if it is handed over detached.
        carries: True if the objective's own gradient (beside the samples') is part of the loss when it is handed over with
            its graph.
        calls: The number of calls in a row of one replicate. Code that keeps state has several: every replicate starts from the
            same state, and is the mean of its calls.
    """

    is_loss: ClassVar[bool]

    reduction: str = "rows"
    group: int = 1
    objective_gradient: str = "keep"
    carries: bool = False
    calls: int = 1

    @property
    def own_words(self) -> list[str]:
        """The part of the sentence about the objective's own gradient: kept, left out, added or cut."""
        if self.objective_gradient == "cut":
            return ["the objective is handed over without its own gradient (cut)"]
        if not self.is_loss:
            return ["the objective's own gradient is added"]
        return [f"the objective's own gradient {'enters' if self.carries else 'does not enter'} the loss"]

    @property
    def group_words(self) -> list[str]:
        """The part of the sentence about rows that depend on each other; empty if they are independent."""
        words = f"the rows of a batch depend on each other, so a batch of {self.group} is one replicate"
        return [words] if self.group > 1 else []

    @abstractmethod
    def with_group(self, size: int) -> Self:
        """Return the convention with another number of rows per replicate."""


def describe_value(right: bool) -> str:
    """Say whether the value of a surrogate loss is the value of the objective."""
    return f"the value of the loss {'is' if right else 'is not'} the objective"


def differentiate_loss(loss: Tensor, leaves: Sequence[Tensor], convention: BatchConvention) -> list[Tensor]:
    """Differentiate a surrogate loss in the values that the callable was handed.

    Args:
        loss: One number, or one per row.
        leaves: The values that were handed to the callable, ``[rows, ...]``, and leaves of the objective, if it has a gradient
            of its own.
        convention: The convention, which has the loss's reduction.

    Returns:
        One gradient per row of each leaf.

    Raises:
        NoGradientPathError: The loss has no graph, or its graph contains no leaf.
        ForeignError: The loss has another shape than in the probe.
    """
    if not loss.requires_grad:
        raise NoGradientPathError(f"site 0: its {convention.takes} require a gradient, the {loss.dtype} loss carries none")
    rows = len(leaves[0])
    if convention.reduction == "entries":
        loss = loss.reshape(rows, -1).sum(1) if loss.numel() == leaves[0].numel() else loss
    elif convention.layout == "single":
        loss = loss.reshape(()) if loss.numel() == 1 else loss
    if (loss.dim() == 0) != (convention.reduction in ("mean", "sum")) or loss.numel() not in (1, rows):
        expected = "a single number" if convention.reduction in ("mean", "sum") else f"[{rows}]"
        raise ForeignError(
            f"it returned a loss of shape {tuple(loss.shape)} for {rows} rows; expected {expected}, as when it was probed"
        )
    found = torch.autograd.grad(loss.sum(), tuple(leaves), allow_unused=True)
    if all(gradient is None for gradient in found):
        raise NoGradientPathError(f"site 0: the loss does not depend on the {convention.takes} that it was handed")
    factor = rows if convention.reduction == "mean" else 1
    return [
        torch.zeros_like(leaf, requires_grad=False) if gradient is None else factor * gradient
        for gradient, leaf in zip(found, leaves, strict=True)
    ]
