"""Reading a sampling site from a distribution: the category index is canonical, every value is a linear map of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.distributions import Bernoulli, Categorical, Distribution, OneHotCategorical

from ..k_subset import KSubset
from ..protocol import UnsupportedSiteError
from .bernoulli import BernoulliSite
from .categorical import CategoricalSite, OneHotSite
from .counts import COUNT_SITES, count_probabilities
from .site import Site
from .subsets import SubsetSite, subset_site

__all__ = ["BernoulliSite", "CategoricalSite", "OneHotSite", "Site", "SubsetSite", "site_of"]


def site_of(distribution: Distribution, rows: int | None = None) -> Site:
    """Read a sampling site from a distribution.

    Args:
        distribution: ``Bernoulli``, ``Categorical`` or ``OneHotCategorical``; ``Binomial``, ``Geometric`` or ``Poisson``, which
            become categorical (see `count_sites`); or `KSubset` (see `subset_site`). ``batch_shape[0]`` = rows.
        rows: The number of rows to insist on.

    Returns:
        The site, its probabilities connected to the distribution's graph.

    Raises:
        UnsupportedSiteError: Another type of distribution, another leading dimension, no elements, or a table that would be too
            long.
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
    if not distribution.batch_shape.numel():
        raise UnsupportedSiteError(
            f"a {kind.__name__} site has batch shape {tuple(distribution.batch_shape)}, which holds no element; leave it out"
        )
    return _READERS[kind](distribution)


_READERS: dict[type[Distribution], Callable[[Any], Site]] = {
    Bernoulli: lambda distribution: BernoulliSite(distribution.probs),
    Categorical: lambda distribution: CategoricalSite(distribution.probs),
    OneHotCategorical: lambda distribution: OneHotSite(distribution.probs),
    KSubset: subset_site,
    **dict.fromkeys(COUNT_SITES, lambda distribution: CategoricalSite(count_probabilities(distribution))),
}
