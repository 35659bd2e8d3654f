"""Categorical sites: the value is the index, or its one-hot vector."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .site import HeldProbabilities, below_one

__all__ = ["CategoricalSite", "OneHotSite"]


@dataclass(frozen=True, eq=False)
class CategoricalSite(HeldProbabilities):
    """``Categorical(probs)``: the value is the index."""

    @property
    def num_categories(self) -> int:
        """K."""
        return self.probs.shape[-1]

    @property
    def shape(self) -> torch.Size:
        """Shape of the elements."""
        return self.probs.shape[:-1]

    def probabilities(self) -> Tensor:
        """``[..., K]``."""
        return self.probs

    def probability(self, index: Tensor) -> Tensor:
        """The probability of the given categories."""
        return self.probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)

    def score_factors(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """``p_i`` and ``1 / p_i``."""
        chosen = self.probability(index)
        return chosen, chosen.detach().reciprocal()

    def index_from(self, uniform: Tensor) -> Tensor:
        """The number of cumulative probabilities at or below ``u`` times their total.

        The comparison leaves the last category out: rounding of the total would otherwise draw one that is impossible.
        """
        cumulative = self.probs.detach().cumsum(-1)
        return (uniform.unsqueeze(-1) * cumulative[..., -1:] >= cumulative[..., :-1]).sum(-1)

    def edges(self) -> Tensor:
        """The cumulative probabilities over their total, the last left out."""
        cumulative = self.probs.detach().cumsum(-1)
        return cumulative[..., :-1] / cumulative[..., -1:]

    def uniform_given(self, index: Tensor, fraction: Tensor) -> Tensor:
        """``(c_{i-1} + v p_i) / c_K``."""
        cumulative = self.probs.detach().cumsum(-1)
        upper = cumulative.gather(-1, index.unsqueeze(-1)).squeeze(-1)
        chosen = self.probability(index).detach()
        return below_one((upper - chosen + fraction * chosen) / cumulative[..., -1]).clamp(min=0)

    def from_index(self, index: Tensor) -> Tensor:
        """The index as a floating number."""
        return index.to(self.probs.dtype)

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """``sum_k k z_k``."""
        return one_hot @ torch.arange(self.num_categories, dtype=one_hot.dtype, device=one_hot.device)

    def nearest(self, value: Tensor) -> Tensor:
        """The value, rounded into the support."""
        return value.round().long().clamp(0, self.num_categories - 1)


class OneHotSite(CategoricalSite):
    """``OneHotCategorical(probs)``: the value is the one-hot vector."""

    def from_index(self, index: Tensor) -> Tensor:
        """The one-hot vector."""
        one_hot = torch.zeros_like(self.probs, requires_grad=False)
        return one_hot.scatter_(-1, index.unsqueeze(-1), 1.0)

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """The vector itself."""
        return one_hot

    def nearest(self, value: Tensor) -> Tensor:
        """The largest entry."""
        return value.argmax(-1)
