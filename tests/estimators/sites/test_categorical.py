"""Categories at their edges: impossible ones, rounding of the cumulative sum, and the ends of intervals."""

from __future__ import annotations

import torch
from hypothesis import given, settings

from gradverify.estimators.sites import CategoricalSite

from .strategies import DTYPES, FRACTIONS, WEIGHTS, fraction_of, support


@given(weights=WEIGHTS, fraction=FRACTIONS, dtype=DTYPES)
@settings(max_examples=200)
def test_a_category_survives_the_round_trip(weights: list[float], fraction: float, dtype: torch.dtype) -> None:
    """Exactly, away from its interval's ends; at the ends up to a rounding of the cumulative probability."""
    weight = torch.tensor([weights], dtype=dtype)
    site = CategoricalSite(weight / weight.sum())
    rounding = 4 * len(weights) * torch.finfo(dtype).eps
    cumulative = torch.nn.functional.pad(site.probs.double().cumsum(-1), (1, 0))[0]
    for index in support(site):
        chosen = float(site.probability(index))
        if chosen == 0:
            continue
        uniform = site.uniform_given(index, torch.tensor([fraction], dtype=dtype))
        drawn = site.index_from(uniform)
        assert site.probability(drawn) > 0
        if min(fraction, 1 - fraction) * chosen > rounding:
            assert torch.equal(drawn, index)
        else:
            assert cumulative[index] - rounding <= uniform.double() <= cumulative[index + 1] + rounding


@given(weights=WEIGHTS, uniform=FRACTIONS, dtype=DTYPES)
@settings(max_examples=200)
def test_impossible_categories_are_never_drawn(weights: list[float], uniform: float, dtype: torch.dtype) -> None:
    weight = torch.tensor([[*weights, 0.0]], dtype=dtype)
    for probs in (weight / weight.sum(), weight):
        site = CategoricalSite(probs)
        index = site.index_from(torch.tensor([uniform], dtype=dtype))
        assert int(index) < len(weights)
        assert site.probability(index) > 0


def test_the_last_category_is_not_drawn_where_the_sum_rounds_below_one() -> None:
    """Ten times 0.1 in float32 sums to less than the largest uniform: the comparison is with the sum, not with one."""
    probs = torch.tensor([[0.1] * 10 + [0.0]])
    below = CategoricalSite(probs * (1 - 1e-4)).index_from(torch.tensor([fraction_of(2**24 - 1)]))
    assert int(below) == 9
