"""Categorical sites: the value is the index, or its one-hot vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, OneHotCategorical

from .held_probabilities import HeldProbabilities, below_one

__all__ = ["CategoricalSite", "OneHotSite"]


@dataclass(frozen=True, eq=False)
class CategoricalSite(HeldProbabilities):
    """``Categorical(probs)``: the value is the index."""

    law: ClassVar[type[Distribution]] = Categorical

    @property
    def num_categories(self) -> int:
        """The number of categories, K."""
        return self.probs.shape[-1]

    @property
    def shape(self) -> torch.Size:
        """The shape of the elements."""
        return self.probs.shape[:-1]

    def probabilities(self) -> Tensor:
        """Return the probability of every category, ``[..., K]``."""
        return self.probs

    def probability(self, index: Tensor) -> Tensor:
        """Return the probability of the given categories."""
        return self.probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)

    def score_factors(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``p_i`` and ``1 / p_i``."""
        chosen = self.probability(index)
        return chosen, chosen.detach().reciprocal()

    def index_from(self, uniform: Tensor) -> Tensor:
        """Count the cumulative probabilities at or below ``u`` times their total.

        The comparison leaves the last category out: otherwise rounding of the total could draw an impossible one.
        """
        cumulative = self.probs.detach().cumsum(-1)
        return (uniform.unsqueeze(-1) * cumulative[..., -1:] >= cumulative[..., :-1]).sum(-1)

    def edges(self) -> Tensor:
        """Return the cumulative probabilities over their total, without the last."""
        cumulative = self.probs.detach().cumsum(-1)
        return cumulative[..., :-1] / cumulative[..., -1:]

    def uniform_given(self, index: Tensor, fraction: Tensor) -> Tensor:
        """Return ``(c_{i-1} + v p_i) / c_K``."""
        cumulative = self.probs.detach().cumsum(-1)
        upper = cumulative.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        chosen = self.probability(index).detach()
        return below_one((upper - chosen + fraction * chosen) / cumulative[..., -1]).clamp(min=0)

    def from_index(self, index: Tensor) -> Tensor:
        """Return the index as a floating number."""
        return index.to(self.probs.dtype)

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """Return ``sum_k k z_k``."""
        return one_hot @ torch.arange(self.num_categories, dtype=one_hot.dtype, device=one_hot.device)

    def nearest(self, value: Tensor) -> Tensor:
        """Round the value into the support."""
        return value.round().long().clamp(0, self.num_categories - 1)


class OneHotSite(CategoricalSite):
    """``OneHotCategorical(probs)``: the value is the one-hot vector."""

    law: ClassVar[type[Distribution]] = OneHotCategorical

    def from_index(self, index: Tensor) -> Tensor:
        """Return the one-hot vector."""
        one_hot = torch.zeros_like(self.probs, requires_grad=False)
        return one_hot.scatter_(-1, index.unsqueeze(-1), 1.0)

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """Return the vector itself."""
        return one_hot

    def nearest(self, value: Tensor) -> Tensor:
        """Return the position of the largest entry."""
        return value.argmax(-1)
