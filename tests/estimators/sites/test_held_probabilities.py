"""The part that finite sites share: finite logarithms, and redrawn uniforms below one."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradverify.estimators.sites import BernoulliSite, CategoricalSite, FiniteSite

from .strategies import BITS, DTYPES, FRACTIONS, support


def test_logarithms_of_impossible_categories_are_finite() -> None:
    for dtype in (torch.float32, torch.float64):
        site = CategoricalSite(torch.tensor([[0.0, 1.0]], dtype=dtype))
        assert site.log_probabilities().tolist() == [[pytest.approx(math.log(torch.finfo(dtype).tiny)), 0.0]]
        assert BernoulliSite(torch.tensor([0.0, 1.0], dtype=dtype)).log_probabilities().isfinite().all()


@given(p=st.one_of(st.sampled_from(BITS), st.floats(0, 1)), fraction=FRACTIONS, dtype=DTYPES)
@settings(max_examples=200)
def test_redrawn_uniforms_are_uniforms(p: float, fraction: float, dtype: torch.dtype) -> None:
    """In [0, 1): at one, another site would draw an outcome whose probability is zero."""
    probs = torch.tensor([p], dtype=dtype)
    pair = torch.stack((1 - probs, probs), -1)
    sites: list[FiniteSite] = [BernoulliSite(probs), CategoricalSite(pair)]
    for site in sites:
        for index in support(site):
            if site.probability(index) > 0:
                uniform = site.uniform_given(index, torch.tensor([fraction], dtype=dtype))
                assert 0 <= float(uniform) < 1
