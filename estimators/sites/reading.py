"""The table of the laws that a program may draw from, and how a distribution is read as a sampling site.

`LAWS` is the only list of laws. To add a law, write its site in a file of its own and add a row. A distribution class that
lives outside this package carries its row itself, as the class attribute ``site_law``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from torch.distributions import Bernoulli, Binomial, Categorical, Distribution, Geometric, OneHotCategorical, Poisson

from ..errors import UnsupportedSiteError
from ..k_subset import KSubset
from .bernoulli import BernoulliSite
from .categorical import CategoricalSite, OneHotSite
from .counts import count_probabilities
from .site import FiniteSite, Site, is_finite
from .subsets import SubsetSite, subset_site

__all__ = [
    "ALL_SITES",
    "CATEGORICAL_SITES",
    "COUNT_SITES",
    "FINITE_SITES",
    "LAWS",
    "BernoulliSite",
    "CategoricalSite",
    "FiniteSite",
    "OneHotSite",
    "Site",
    "SiteLaw",
    "SubsetSite",
    "finite_site_of",
    "law_of",
    "site_of",
]


@dataclass(frozen=True)
class SiteLaw:
    """One row of the table of laws.

    Attributes:
        outcomes: ``few`` for a short list of categories, ``counts`` for a list of counts that is cut where the mass ends,
            ``values`` for a law without a finite list.
        read: A function from a distribution to its site, connected to the distribution's graph.
        detach: A function from a distribution to the same distribution without its graph.
    """

    outcomes: Literal["few", "counts", "values"]
    read: Callable[[Any], Site]
    detach: Callable[[Any], Distribution]


def _detach_probs(distribution: Any) -> Distribution:
    detached: Distribution = type(distribution)(probs=distribution.probs.detach(), validate_args=False)
    return detached


def _detach_binomial(distribution: Binomial) -> Distribution:
    return Binomial(distribution.total_count, probs=distribution.probs.detach(), validate_args=False)


def _detach_poisson(distribution: Poisson) -> Distribution:
    return Poisson(distribution.rate.detach(), validate_args=False)


def _detach_subset(distribution: KSubset) -> Distribution:
    return KSubset(distribution.logits.detach(), distribution.k, validate_args=False)


def _read_count(distribution: Distribution) -> Site:
    return CategoricalSite(count_probabilities(distribution))


LAWS: Mapping[type[Distribution], SiteLaw] = MappingProxyType(
    {
        Bernoulli: SiteLaw("few", lambda distribution: BernoulliSite(distribution.probs), _detach_probs),
        Categorical: SiteLaw("few", lambda distribution: CategoricalSite(distribution.probs), _detach_probs),
        OneHotCategorical: SiteLaw("few", lambda distribution: OneHotSite(distribution.probs), _detach_probs),
        KSubset: SiteLaw("few", subset_site, _detach_subset),
        Binomial: SiteLaw("counts", _read_count, _detach_binomial),
        Geometric: SiteLaw("counts", _read_count, _detach_probs),
        Poisson: SiteLaw("counts", _read_count, _detach_poisson),
    }
)
"""The laws that this package knows, by the exact type of the distribution."""

ALL_SITES: tuple[type[Distribution], ...] = tuple(LAWS)
"""The types of all laws: an estimator supports them if it needs nothing but draws and log-probabilities."""

FINITE_SITES: tuple[type[Distribution], ...] = tuple(kind for kind, law in LAWS.items() if law.outcomes != "values")
"""The types of the laws whose outcomes can be listed."""

CATEGORICAL_SITES: tuple[type[Distribution], ...] = tuple(kind for kind, law in LAWS.items() if law.outcomes == "few")
"""The types of the laws with few categories, for estimators whose cost grows with the square of their number."""

COUNT_SITES: tuple[type[Distribution], ...] = tuple(kind for kind, law in LAWS.items() if law.outcomes == "counts")
"""The types of the laws of counts."""


def law_of(distribution: Distribution) -> SiteLaw:
    """Return the row of the table of laws that a distribution is read by: its class's own ``site_law``, or its row in `LAWS`.

    Raises:
        UnsupportedSiteError: There is no row for exactly this type of distribution.
    """
    kind = type(distribution)
    law = LAWS.get(kind) or vars(kind).get("site_law")
    if not isinstance(law, SiteLaw):
        raise UnsupportedSiteError(
            f"sampling site {kind.__name__} is not supported; use one of {', '.join(known.__name__ for known in LAWS)}"
        )
    return law


def site_of(distribution: Distribution, rows: int | None = None) -> Site:
    """Read a sampling site from a distribution.

    Args:
        distribution: A distribution of one of the types in `LAWS`, or of a class with a ``site_law``; ``batch_shape[0]`` is the
            number of rows. Count distributions become categorical sites (see `count_probabilities`).
        rows: The number of rows to insist on.

    Returns:
        The site, connected to the distribution's graph.

    Raises:
        UnsupportedSiteError: The type of distribution has no row, the leading dimension is another one, there are no elements,
            or the site would need too long a table.
    """
    law = law_of(distribution)
    batch = distribution.batch_shape
    if rows is not None and (not batch or batch[0] != rows):
        raise UnsupportedSiteError(
            f"a {type(distribution).__name__} site has batch shape {tuple(batch)}; its first dimension must be the "
            f"{rows} rows of params (compute probabilities from params, row by row)"
        )
    if not batch.numel():
        raise UnsupportedSiteError(
            f"a {type(distribution).__name__} site has batch shape {tuple(batch)}, which holds no element; leave it out"
        )
    return law.read(distribution)


def finite_site_of(distribution: Distribution, rows: int | None = None) -> FiniteSite:
    """Read a sampling site whose outcomes can be listed; arguments and errors are those of `site_of`.

    Raises:
        UnsupportedSiteError: The law has no finite list of outcomes.
    """
    site = site_of(distribution, rows)
    if not is_finite(site):
        raise UnsupportedSiteError(
            f"sampling site {type(distribution).__name__} has no finite list of outcomes, which this estimator needs; use an "
            f"estimator that only draws and scores, such as LeaveOneOut, or a site of type "
            f"{', '.join(known.__name__ for known in FINITE_SITES)}"
        )
    return site
