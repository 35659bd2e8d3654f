"""Bernoulli sites: bits, whose index is their value."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .site import HeldProbabilities, below_one

__all__ = ["BernoulliSite"]


@dataclass(frozen=True, eq=False)
class BernoulliSite(HeldProbabilities):
    """``Bernoulli(p)``: index = value. It has no inner dimension of two, which costs a factor of four."""

    num_categories = 2

    @property
    def shape(self) -> torch.Size:
        """Shape of the elements."""
        return self.probs.shape

    def probabilities(self) -> Tensor:
        """``[..., 2]``: 1 - p, p."""
        return torch.stack((1 - self.probs, self.probs), dim=-1)

    def probability(self, index: Tensor) -> Tensor:
        """P where the bit is set, 1 - p elsewhere."""
        return torch.where(index.bool(), self.probs, 1 - self.probs)

    def score_factors(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """p, and 1 / p for a one, 1 / (p - 1) for a zero."""
        probs = self.probs.detach()
        return self.probs, torch.where(index.bool(), probs, probs - 1).reciprocal_()

    def index_from(self, uniform: Tensor) -> Tensor:
        """1[u < p]: never at p = 0, always at p = 1."""
        return uniform < self.probs

    def edges(self) -> Tensor:
        """P alone."""
        return self.probs.detach().unsqueeze(-1)

    def uniform_given(self, index: Tensor, fraction: Tensor) -> Tensor:
        """``v p`` for a one, ``p + v (1 - p)`` for a zero."""
        return below_one(torch.where(index.bool(), fraction * self.probs, self.probs + fraction * (1 - self.probs)))

    def from_index(self, index: Tensor) -> Tensor:
        """The bit as a floating number."""
        return index.to(self.probs.dtype)

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """The weight of the one."""
        return one_hot[..., 1]

    def nearest(self, value: Tensor) -> Tensor:
        """One above a half."""
        return value > 0.5
