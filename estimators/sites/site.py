"""The protocol of a sampling site, and the protocol of a finite one.

A site holds the parameters of a law. It never holds the distribution object that it was read from, because a distribution's
cached attributes keep graphs alive. Every law is sampled from uniforms that the caller draws, so common random numbers,
replaying and forcing are one mechanism.
"""

from __future__ import annotations

from typing import Protocol, Self, TypeGuard

import torch
from torch import Tensor
from torch.distributions import Distribution

__all__ = ["FiniteSite", "Site", "is_finite"]


class Site(Protocol):
    """One sampling site: the law of the elements, ``[rows, *batch]``, that a program draws in one call.

    A draw turns uniforms into an outcome, which the tape records. The outcome of a finite site is an index; the outcome of
    any other law is the value itself. To add a law, write its site in a file of its own and give it a row in
    `gradverify.estimators.sites.reading.LAWS`.
    """

    @property
    def finite(self) -> bool:
        """True if the site is a `FiniteSite`."""
        ...

    @property
    def shape(self) -> torch.Size:
        """The shape of the elements, ``[rows, *batch]``."""
        ...

    @property
    def uniform_shape(self) -> torch.Size:
        """The shape of the uniforms that one element takes; empty if it takes one."""
        ...

    @property
    def requires_grad(self) -> bool:
        """True if the law depends on the parameters."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """The floating type of the uniforms, the probabilities and the values."""
        ...

    @property
    def device(self) -> torch.device:
        """The device of the uniforms, the probabilities and the values."""
        ...

    def detach(self) -> Self:
        """Return the same site without its graph."""
        ...

    def draw(self, uniforms: Tensor) -> Tensor:
        """Turn uniforms in [0, 1), ``[rows, *batch, *uniform_shape]``, into outcomes of the law."""
        ...

    def value(self, outcome: Tensor) -> Tensor:
        """Return the value, as the program sees it, of the given outcomes."""
        ...

    def log_prob(self, outcome: Tensor) -> Tensor:
        """Return the log-probability or log-density of the given outcomes, ``[rows, *batch]``, connected to the parameters."""
        ...

    def cdf(self, outcome: Tensor) -> Tensor:
        """Return the probability of an outcome that is not larger, ``[rows, *batch]``.

        Raises:
            NotImplementedError: The law has no distribution function that can be computed.
        """
        ...

    def nodes(self, count: int) -> tuple[Tensor, Tensor]:
        """Return outcomes and weights over which an expectation is a weighted sum, ``[nodes, rows, *batch]`` each.

        Args:
            count: The number of quadrature nodes to use for a law that is not finite. A finite site ignores it and returns
                all its categories with their probabilities.
        """
        ...


class FiniteSite(Site, Protocol):
    """A sampling site with a finite list of outcomes: every element has K categories.

    An outcome is an index: an integer tensor of the elements' shape, or a boolean one if `boolean` is true.
    """

    @property
    def probs(self) -> Tensor:
        """The probabilities as the site holds them: p of a bit, else one for every category."""
        ...

    @property
    def num_categories(self) -> int:
        """The number of categories, K."""
        ...

    @property
    def boolean(self) -> bool:
        """True if an index is a boolean and ``probs`` has no dimension of categories, as for bits."""
        ...

    @property
    def law(self) -> type[Distribution]:
        """The type of distribution that the site behaves like: a Binomial site, for instance, is a Categorical one."""
        ...

    def with_probs(self, probs: Tensor) -> Self:
        """Return the same kind of site with other ``probs``."""
        ...

    def with_probabilities(self, probabilities: Tensor) -> Self:
        """Return the same kind of site with other probabilities of all categories, ``[rows, *batch, K]``."""
        ...

    def probabilities(self) -> Tensor:
        """Return the probability of every category, ``[rows, *batch, K]``."""
        ...

    def probability(self, index: Tensor) -> Tensor:
        """Return the probability of the given categories, ``[rows, *batch]``."""
        ...

    def log_probabilities(self) -> Tensor:
        """Return the logarithm of `probabilities`, finite: an impossible category gets that of the smallest normal number."""
        ...

    def score_factors(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return a connected and a constant tensor, ``[rows, *batch]``, whose product has the gradient of log p(index).

        Unlike `log_prob`, the value of the product means nothing, and it is finite at p = 0.
        """
        ...

    def score_surrogate(self, index: Tensor) -> Tensor:
        """Return the product of `score_factors`."""
        ...

    def index_from(self, uniform: Tensor) -> Tensor:
        """Return the category at which the cumulative distribution passes ``uniform`` in [0, 1)."""
        ...

    def edges(self) -> Tensor:
        """Return the points of [0, 1] at which `index_from` changes, ``[rows, *batch, K - 1]``."""
        ...

    def uniform_given(self, index: Tensor, fraction: Tensor) -> Tensor:
        """Return a uniform that draws ``index``: the point at ``fraction`` of that category's interval."""
        ...

    def from_index(self, index: Tensor) -> Tensor:
        """Return the value, as the program sees it, of the given categories."""
        ...

    def from_one_hot(self, one_hot: Tensor) -> Tensor:
        """Map one-hot samples, ``[rows, *batch, K]``, linearly to values; gradients pass through."""
        ...

    def nearest(self, value: Tensor) -> Tensor:
        """Return the index whose value is nearest to a given one; on the support this inverts `from_index`."""
        ...


def is_finite(site: Site) -> TypeGuard[FiniteSite]:
    """Return True if a site has a finite list of outcomes."""
    return site.finite
