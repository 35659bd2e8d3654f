"""Sampling sites: the category index is canonical, and every value is a linear map of it.

A site holds probabilities and never the distribution object it was read from, whose cached attributes keep graphs alive.
Sampling is by inversion of one uniform an element, which makes common random numbers, replaying and forcing one mechanism.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, OneHotCategorical

from .count_sites import COUNT_SITES, count_probabilities
from .protocol import UnsupportedSiteError

__all__ = ["BernoulliSite", "CategoricalSite", "OneHotSite", "Site", "site_of"]


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


@dataclass(frozen=True, eq=False)
class BernoulliSite:
    """``Bernoulli(p)``: index = value. It has no inner dimension of two, which costs a factor of four."""

    probs: Tensor
    num_categories = 2

    @property
    def shape(self) -> torch.Size:
        """Shape of the elements."""
        return self.probs.shape

    @property
    def requires_grad(self) -> bool:
        """Whether p depends on the parameters."""
        return self.probs.requires_grad

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of p."""
        return self.probs.dtype

    @property
    def device(self) -> torch.device:
        """Device of p."""
        return self.probs.device

    def with_probs(self, probs: Tensor) -> Self:
        """The same kind of site with other probabilities."""
        return type(self)(probs)

    def detach(self) -> Self:
        """The same site without its graph."""
        return self.with_probs(self.probs.detach())

    def probabilities(self) -> Tensor:
        """``[..., 2]``: 1 - p, p."""
        return torch.stack((1 - self.probs, self.probs), dim=-1)

    def probability(self, index: Tensor) -> Tensor:
        """P where the bit is set, 1 - p elsewhere."""
        return torch.where(index.bool(), self.probs, 1 - self.probs)

    def log_probabilities(self) -> Tensor:
        """``[..., 2]``."""
        return _safe_log(self.probabilities())

    def score_factors(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """p, and 1 / p for a one, 1 / (p - 1) for a zero."""
        probs = self.probs.detach()
        return self.probs, torch.where(index.bool(), probs, probs - 1).reciprocal_()

    def score_surrogate(self, index: Tensor) -> Tensor:
        """``p w``, w constant."""
        connected, weight = self.score_factors(index)
        return connected * weight

    def index_from(self, uniform: Tensor) -> Tensor:
        """1[u < p]: never at p = 0, always at p = 1."""
        return uniform < self.probs

    def edges(self) -> Tensor:
        """P alone."""
        return self.probs.detach().unsqueeze(-1)

    def uniform_given(self, index: Tensor, fraction: Tensor) -> Tensor:
        """``v p`` for a one, ``p + v (1 - p)`` for a zero."""
        return _below_one(torch.where(index.bool(), fraction * self.probs, self.probs + fraction * (1 - self.probs)))

    def from_index(self, index: Tensor) -> Tensor:
        """The bit as a floating number."""
        return index.to(self.probs.dtype)

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """The weight of the one."""
        return one_hot[..., 1]


@dataclass(frozen=True, eq=False)
class CategoricalSite:
    """``Categorical(probs)``: the value is the index."""

    probs: Tensor

    @property
    def num_categories(self) -> int:
        """K."""
        return self.probs.shape[-1]

    @property
    def shape(self) -> torch.Size:
        """Shape of the elements."""
        return self.probs.shape[:-1]

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

    def probabilities(self) -> Tensor:
        """``[..., K]``."""
        return self.probs

    def probability(self, index: Tensor) -> Tensor:
        """The probability of the given categories."""
        return self.probs.gather(-1, index.unsqueeze(-1)).squeeze(-1)

    def log_probabilities(self) -> Tensor:
        """``[..., K]``."""
        return _safe_log(self.probs)

    def score_factors(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """``p_i`` and ``1 / p_i``."""
        chosen = self.probability(index)
        return chosen, chosen.detach().reciprocal()

    def score_surrogate(self, index: Tensor) -> Tensor:
        """``p w``, w constant."""
        connected, weight = self.score_factors(index)
        return connected * weight

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
        return _below_one((upper - chosen + fraction * chosen) / cumulative[..., -1]).clamp(min=0)

    def from_index(self, index: Tensor) -> Tensor:
        """The index as a floating number."""
        return index.to(self.probs.dtype)

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """``sum_k k z_k``."""
        return one_hot @ torch.arange(self.num_categories, dtype=one_hot.dtype, device=one_hot.device)


class OneHotSite(CategoricalSite):
    """``OneHotCategorical(probs)``: the value is the one-hot vector."""

    def from_index(self, index: Tensor) -> Tensor:
        """The one-hot vector."""
        one_hot = torch.zeros_like(self.probs, requires_grad=False)
        return one_hot.scatter_(-1, index.unsqueeze(-1), 1.0)

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """The vector itself."""
        return one_hot


def site_of(distribution: Distribution, rows: int | None = None) -> Site:
    """Read a sampling site from a distribution.

    Args:
        distribution: ``Bernoulli``, ``Categorical`` or ``OneHotCategorical``; ``Binomial``, ``Geometric`` or ``Poisson``, which
            become categorical (see `count_sites`). ``batch_shape[0]`` = rows.
        rows: The number of rows to insist on.

    Returns:
        The site, its probabilities connected to the distribution's graph.

    Raises:
        UnsupportedSiteError: Another type of distribution, another leading dimension, or a count that needs too long a table.
    """
    kind = next((each for each in _READERS if type(distribution) is each), None)
    if kind is None:
        raise UnsupportedSiteError(
            f"sampling site {type(distribution).__name__} is not supported; "
            f"use one of {', '.join(each.__name__ for each in _READERS)}"
        )
    if rows is not None and (not distribution.batch_shape or distribution.batch_shape[0] != rows):
        raise UnsupportedSiteError(
            f"a {kind.__name__} site has batch shape {tuple(distribution.batch_shape)}; its first dimension must be the "
            f"{rows} rows of params (compute probabilities from params, row by row)"
        )
    return _READERS[kind](distribution)


def _safe_log(probabilities: Tensor) -> Tensor:
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()


def _below_one(uniform: Tensor) -> Tensor:
    """Rounding may reach 1, which would draw an impossible last category."""
    return uniform.clamp(max=1 - torch.finfo(uniform.dtype).eps / 2)


_READERS: dict[type[Distribution], Callable[[Any], Site]] = {
    Bernoulli: lambda distribution: BernoulliSite(distribution.probs),
    Categorical: lambda distribution: CategoricalSite(distribution.probs),
    OneHotCategorical: lambda distribution: OneHotSite(distribution.probs),
    **dict.fromkeys(COUNT_SITES, lambda distribution: CategoricalSite(count_probabilities(distribution))),
}
