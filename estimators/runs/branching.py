"""A source of outcomes that takes every branch instead of drawing one."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from ..protocol import NotApplicableError

__all__ = ["BranchSource", "UndecidedError"]


class UndecidedError(Exception):
    """A decision that no branch has made yet; it carries the possible outcomes.

    Attributes:
        probabilities: ``[branches, elements, outcomes]``.
    """

    def __init__(self, probabilities: Tensor) -> None:
        super().__init__("an undecided draw")
        self.probabilities = probabilities


class BranchSource(torch.Generator):
    """Decides draws from a table, one row a branch; the first draw beyond the table raises `UndecidedError`.

    It stands where a generator is expected, so an estimator needs nothing to be run over all its outcomes. The rows of a draw
    are the branches, or several rows a branch, one branch's behind another's.

    Args:
        decided: The decisions already made: for each draw the outcome of each of its elements, ``[branches, elements]``.
        branches: Number of branches.
    """

    decided: list[Tensor]
    branches: int

    def __new__(cls, decided: list[Tensor], branches: int, device: torch.device | str = "cpu") -> Self:
        """Make a generator that is never advanced."""
        return super().__new__(cls, device)  # type: ignore[call-arg]

    def __init__(self, decided: list[Tensor], branches: int, device: torch.device | str = "cpu") -> None:
        self.decided = decided
        self.branches = branches
        self._count = 0

    def category(self, weights: Tensor) -> Tensor:
        """Decide one category per element, ``[rows, *batch]``.

        Args:
            weights: Non-negative, ``[rows, *batch, K]``, not necessarily normalised; where all are zero it is the last one.
        """
        *shape, categories = weights.shape
        elements = math.prod(shape)
        if elements % self.branches:
            raise NotApplicableError(
                f"exact mode: a draw has {elements} elements for {self.branches} branches; expected the same number for each"
            )
        if self._count == len(self.decided):
            raise UndecidedError(_normalise(weights.detach().double()).reshape(self.branches, -1, categories))
        index = self.decided[self._count]
        self._count += 1
        return index.reshape(shape)

    def uniform(self, edges: Tensor) -> Tensor:
        """Decide a uniform per element, ``[rows, *batch]``: the middle of one of the cells that the edges cut [0, 1] into.

        Args:
            edges: In any order, ``[rows, *batch, E]``; those outside [0, 1] cut nothing.
        """
        inner = edges.detach().clamp(0, 1).sort(-1).values
        bounds = torch.cat((torch.zeros_like(inner[..., :1]), inner, torch.ones_like(inner[..., :1])), -1)
        cell = self.category(bounds.diff(dim=-1)).unsqueeze(-1)
        return ((bounds.gather(-1, cell) + bounds.gather(-1, cell + 1)) / 2).squeeze(-1)


def _normalise(weights: Tensor) -> Tensor:
    total = weights.sum(-1, keepdim=True)
    last = torch.zeros_like(weights)
    last[..., -1] = 1.0
    return torch.where(total > 0, weights / torch.where(total > 0, total, 1.0), last)
