"""Bernoulli sites: bits, whose index is their value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution

from .held_probabilities import HeldProbabilities, below_one

__all__ = ["BernoulliSite"]


@dataclass(frozen=True, eq=False)
class BernoulliSite(HeldProbabilities):
    """``Bernoulli(p)``: the index is the value. It has no inner dimension of two, which would cost a factor of four."""

    num_categories: ClassVar[int] = 2
    boolean: ClassVar[bool] = True
    law: ClassVar[type[Distribution]] = Bernoulli

    @property
    def shape(self) -> torch.Size:
        """The shape of the elements."""
        return self.probs.shape

    def with_probabilities(self, probabilities: Tensor) -> Self:
        """Return a site that holds the probability of a one."""
        return self.with_probs(probabilities[..., 1])

    def probabilities(self) -> Tensor:
        """Return 1 - p and p, ``[..., 2]``."""
        return torch.stack((1 - self.probs, self.probs), dim=-1)

    def probability(self, index: Tensor) -> Tensor:
        """Return p for a one, 1 - p for a zero."""
        return torch.where(index.bool(), self.probs, 1 - self.probs)

    def score_factors(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return p, and 1 / p for a one, 1 / (p - 1) for a zero."""
        probs = self.probs.detach()
        return self.probs, torch.where(index.bool(), probs, probs - 1).reciprocal_()

    def index_from(self, uniform: Tensor) -> Tensor:
        """Return 1[u < p], which is never true at p = 0 and always true at p = 1."""
        return uniform < self.probs

    def edges(self) -> Tensor:
        """Return p, the only edge."""
        return self.probs.detach().unsqueeze(-1)

    def uniform_given(self, index: Tensor, fraction: Tensor) -> Tensor:
        """Return ``v p`` for a one, ``p + v (1 - p)`` for a zero."""
        return below_one(torch.where(index.bool(), fraction * self.probs, self.probs + fraction * (1 - self.probs)))

    def from_index(self, index: Tensor) -> Tensor:
        """Return the bit as a floating number."""
        return index.to(self.probs.dtype)

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """Return the weight of the one."""
        return one_hot[..., 1]

    def nearest(self, value: Tensor) -> Tensor:
        """Return True for a value above one half."""
        return value > 0.5
