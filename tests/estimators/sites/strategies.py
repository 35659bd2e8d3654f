"""Uniforms, probabilities and types that tests of sites draw from."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from gradverify.estimators.sites import FiniteSite

__all__ = ["BITS", "DTYPES", "FRACTIONS", "WEIGHTS", "fraction_of", "support"]

DTYPES = st.sampled_from([torch.float32, torch.float64])
BITS = [0.0, 1e-7, 0.3, 0.5, 1 - 1e-7, 1.0]


def fraction_of(numerator: int) -> float:
    """Return a number that `torch.rand` can return in float32."""
    return numerator / 2**24


FRACTIONS = st.one_of(
    st.sampled_from([0.0, fraction_of(1), fraction_of(2**24 - 1)]), st.integers(0, 2**24 - 1).map(fraction_of)
)
WEIGHTS = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1.0)), min_size=1, max_size=6).filter(any)


def support(site: FiniteSite) -> list[Tensor]:
    """Return every index of a site, repeated over its elements."""
    kind = torch.bool if site.boolean else torch.int64
    return [torch.full(site.shape, index).to(kind) for index in range(site.num_categories)]
