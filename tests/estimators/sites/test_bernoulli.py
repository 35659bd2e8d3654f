"""Bits at their edges: certain outcomes, tiny probabilities, and the score at p = 1."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradverify.estimators.sites import BernoulliSite

from .strategies import BITS, DTYPES, FRACTIONS, fraction_of, support


@pytest.mark.parametrize(("p", "index", "slope"), [(1.0, 1, 1.0), (0.0, 0, -1.0), (0.25, 1, 4.0), (0.25, 0, -1 / 0.75)])
def test_the_score_of_a_certain_bit_is_kept(p: float, index: int, slope: float) -> None:
    """``log_prob`` clamps p there, and its derivative becomes zero."""
    probs = torch.tensor([p], requires_grad=True)
    (score,) = torch.autograd.grad(BernoulliSite(probs).score_surrogate(torch.tensor([bool(index)])).sum(), probs)
    assert score.item() == pytest.approx(slope, rel=1e-6)


@given(p=st.one_of(st.sampled_from(BITS), st.floats(0, 1)), fraction=FRACTIONS, dtype=DTYPES)
@settings(max_examples=200)
def test_a_bit_survives_the_round_trip(p: float, fraction: float, dtype: torch.dtype) -> None:
    site = BernoulliSite(torch.tensor([p], dtype=dtype))
    if 0 < float(site.probs) < 1e-30:
        return
    for index in support(site):
        if site.probability(index) > 0:
            uniform = site.uniform_given(index, torch.tensor([fraction], dtype=dtype))
            assert torch.equal(site.index_from(uniform), index)


@pytest.mark.parametrize("uniform", [0.0, 0.5, fraction_of(2**24 - 1)])
def test_certain_bits_are_drawn_for_certain(uniform: float) -> None:
    site = BernoulliSite(torch.tensor([0.0, 1.0]))
    assert site.index_from(torch.tensor([uniform, uniform])).tolist() == [False, True]
