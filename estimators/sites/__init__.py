"""Sampling sites: what a program draws, read from `torch.distributions` objects; one kind of law a file."""

from .reading import (
    ALL_SITES,
    CATEGORICAL_SITES,
    COUNT_SITES,
    FINITE_SITES,
    LAWS,
    BernoulliSite,
    CategoricalSite,
    OneHotSite,
    SiteLaw,
    SubsetSite,
    finite_site_of,
    law_of,
    site_of,
)
from .site import FiniteSite, Site, is_finite

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
    "is_finite",
    "law_of",
    "site_of",
]
