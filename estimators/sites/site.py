"""What a sampling site is, and what all kinds of it share.

A site holds probabilities and never the distribution object it was read from, whose cached attributes keep graphs alive.
Sampling is by inversion of one uniform an element, which makes common random numbers, replaying and forcing one mechanism.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

__all__ = ["HeldProbabilities", "Site", "below_one", "safe_log"]


class Site(Protocol):
    """One sampling site, elements ``[rows, *batch]``, each with K categories.

    An index is an integer tensor of the elements' shape, or a boolean one at Bernoulli sites, whose index is their value.
    """

    @property
    def probs(self) -> Tensor:
        """The probabilities as the site holds them: p of a bit, else one per category."""
        ...

    @property
    def num_categories(self) -> int:
        """K."""
        ...

    @property
    def shape(self) -> torch.Size:
        """Shape of the elements, ``[rows, *batch]``."""
        ...

    @property
    def requires_grad(self) -> bool:
        """Whether the probabilities depend on the parameters."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of probabilities and values."""
        ...

    @property
    def device(self) -> torch.device:
        """Device of probabilities and values."""
        ...

    def with_probs(self, probs: Tensor) -> Self:
        """The same kind of site with other probabilities."""
        ...

    def detach(self) -> Self:
        """The same site without its graph."""
        ...

    def probabilities(self) -> Tensor:
        """The probability of every category, ``[rows, *batch, K]``."""
        ...

    def probability(self, index: Tensor) -> Tensor:
        """The probability of the given categories, ``[rows, *batch]``."""
        ...

    def log_probabilities(self) -> Tensor:
        """The logarithm of `probabilities`, finite: an impossible category gets the smallest normal number's."""
        ...

    def score_factors(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """A connected and a constant tensor, ``[rows, *batch]``, whose product has the gradient of log p(index).

        Unlike ``log_prob`` it clamps nothing: the derivative at p = 1 is kept. The product's value means nothing.
        """
        ...

    def score_surrogate(self, index: Tensor) -> Tensor:
        """The product of `score_factors`."""
        ...

    def index_from(self, uniform: Tensor) -> Tensor:
        """The category at which the cumulative distribution passes ``uniform`` in [0, 1)."""
        ...

    def edges(self) -> Tensor:
        """The points of [0, 1] at which `index_from` changes, ``[rows, *batch, K - 1]``."""
        ...

    def uniform_given(self, index: Tensor, fraction: Tensor) -> Tensor:
        """A uniform that draws ``index``: the point at ``fraction`` of that category's interval."""
        ...

    def from_index(self, index: Tensor) -> Tensor:
        """The value, as the program sees it, of the given categories."""
        ...

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """The linear map from one-hot samples ``[rows, *batch, K]`` to values; gradients pass."""
        ...

    def nearest(self, value: Tensor) -> Tensor:
        """The index whose value is nearest to a given one: the inverse of `from_index` on the support."""
        ...


@dataclass(frozen=True, eq=False)
class HeldProbabilities:
    """What the kinds of sites do alike with the probabilities that they hold."""

    probs: Tensor

    @property
    def requires_grad(self) -> bool:
        """Whether the probabilities depend on the parameters."""
        return self.probs.requires_grad

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the probabilities."""
        return self.probs.dtype

    @property
    def device(self) -> torch.device:
        """Device of the probabilities."""
        return self.probs.device

    def with_probs(self, probs: Tensor) -> Self:
        """The same kind of site with other probabilities."""
        return type(self)(probs)

    def detach(self) -> Self:
        """The same site without its graph."""
        return self.with_probs(self.probs.detach())

    def log_probabilities(self: Site) -> Tensor:
        """``[..., K]``, finite."""
        return safe_log(self.probabilities())

    def score_surrogate(self: Site, index: Tensor) -> Tensor:
        """``p w``, w constant."""
        connected, weight = self.score_factors(index)
        return connected * weight


def safe_log(probabilities: Tensor) -> Tensor:
    """The logarithm, finite: of an impossible category that of the smallest normal number."""
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def below_one(uniform: Tensor) -> Tensor:
    """Rounding may reach 1, which would draw an impossible last category."""
    return uniform.clamp(max=1 - torch.finfo(uniform.dtype).eps / 2)
