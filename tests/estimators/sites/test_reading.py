"""Sites: index, probabilities and inversion agree with torch's distributions and with each other.

Statistical tests: two-sided false-fail rate 9.6e-7 a coordinate; the smallest error that they find is asserted.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Independent, Normal, OneHotCategorical

from gradverify.estimators.protocol import UnsupportedSiteError
from gradverify.estimators.sites.reading import BernoulliSite, CategoricalSite, OneHotSite, Site, site_of

from ..intervals import QUANTILE, smallest_visible, z_scores

DTYPES = st.sampled_from([torch.float32, torch.float64])
BITS = [0.0, 1e-7, 0.3, 0.5, 1 - 1e-7, 1.0]


def _fraction(numerator: int) -> float:
    """What `torch.rand` can return in float32."""
    return numerator / 2**24


FRACTIONS = st.one_of(st.sampled_from([0.0, _fraction(1), _fraction(2**24 - 1)]), st.integers(0, 2**24 - 1).map(_fraction))
WEIGHTS = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1.0)), min_size=1, max_size=6).filter(any)


def _sites(dtype: torch.dtype = torch.float64) -> list[tuple[Site, Any]]:
    logits = torch.tensor([[0.5, -1.0, 2.3], [-2.5, 0.1, 0.4]], dtype=dtype, requires_grad=True)
    kinds: list[Any] = [Bernoulli, Categorical, OneHotCategorical]
    return [(site_of(kind(logits=logits), 2), kind(logits=logits)) for kind in kinds]


def _support(site: Site) -> list[Tensor]:
    kind = torch.bool if isinstance(site, BernoulliSite) else torch.int64
    return [torch.full(site.shape, index).to(kind) for index in range(site.num_categories)]


def test_each_distribution_has_its_site() -> None:
    kinds = [type(site) for site, _ in _sites()]
    assert kinds == [BernoulliSite, CategoricalSite, OneHotSite]
    for dtype in (torch.float32, torch.float64):
        for site, distribution in _sites(dtype):
            assert site.shape == distribution.batch_shape
            assert (site.dtype, site.device) == (dtype, torch.device("cpu"))
            assert site.num_categories == (2 if isinstance(site, BernoulliSite) else 3)
            assert site.requires_grad
            assert not site.detach().requires_grad
            assert type(site.detach()) is type(site)


def test_probabilities_and_values_are_those_of_torch() -> None:
    for site, distribution in _sites():
        for index in _support(site):
            value = site.from_index(index)
            expected = distribution.log_prob(value).exp()
            torch.testing.assert_close(site.probability(index), expected)
            torch.testing.assert_close(site.probabilities()[..., int(index.flatten()[0])], expected)
            torch.testing.assert_close(site.log_probabilities().exp(), site.probabilities())
            assert value.dtype == site.dtype


def test_values_are_linear_maps_of_one_hot_vectors() -> None:
    for site, _ in _sites():
        for number, index in enumerate(_support(site)):
            vector = torch.zeros(*site.shape, site.num_categories, dtype=site.dtype)
            vector[..., number] = 1
            assert torch.equal(site.from_one_hot(vector), site.from_index(index))


@pytest.mark.parametrize("kind", [Bernoulli, Categorical, OneHotCategorical])
def test_the_score_surrogate_has_the_gradient_of_log_p(kind: Any) -> None:
    leaf = torch.tensor([[0.5, -1.0, 2.3], [-2.5, 0.1, 0.4]], dtype=torch.float64, requires_grad=True)
    site = site_of(kind(logits=leaf), 2)
    for index in _support(site):
        expected = torch.autograd.grad(kind(logits=leaf).log_prob(site.from_index(index)).sum(), leaf)
        found = torch.autograd.grad(site.score_surrogate(index).sum(), leaf, retain_graph=True)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("p", "index", "slope"), [(1.0, 1, 1.0), (0.0, 0, -1.0), (0.25, 1, 4.0), (0.25, 0, -1 / 0.75)])
def test_the_score_of_a_certain_bit_is_kept(p: float, index: int, slope: float) -> None:
    """``log_prob`` clamps p there, and its derivative becomes zero."""
    probs = torch.tensor([p], requires_grad=True)
    (score,) = torch.autograd.grad(BernoulliSite(probs).score_surrogate(torch.tensor([bool(index)])).sum(), probs)
    assert score.item() == pytest.approx(slope, rel=1e-6)


def test_logarithms_of_impossible_categories_are_finite() -> None:
    for dtype in (torch.float32, torch.float64):
        site = CategoricalSite(torch.tensor([[0.0, 1.0]], dtype=dtype))
        assert site.log_probabilities().tolist() == [[pytest.approx(math.log(torch.finfo(dtype).tiny)), 0.0]]
        assert BernoulliSite(torch.tensor([0.0, 1.0], dtype=dtype)).log_probabilities().isfinite().all()


@given(p=st.one_of(st.sampled_from(BITS), st.floats(0, 1)), fraction=FRACTIONS, dtype=DTYPES)
@settings(max_examples=200)
def test_a_bit_survives_the_round_trip(p: float, fraction: float, dtype: torch.dtype) -> None:
    site = BernoulliSite(torch.tensor([p], dtype=dtype))
    if 0 < float(site.probs) < 1e-30:
        return
    for index in _support(site):
        if site.probability(index) > 0:
            uniform = site.uniform_given(index, torch.tensor([fraction], dtype=dtype))
            assert torch.equal(site.index_from(uniform), index)


@given(weights=WEIGHTS, fraction=FRACTIONS, dtype=DTYPES)
@settings(max_examples=200)
def test_a_category_survives_the_round_trip(weights: list[float], fraction: float, dtype: torch.dtype) -> None:
    """Exactly, away from its interval's ends; at the ends up to a rounding of the cumulative probability."""
    weight = torch.tensor([weights], dtype=dtype)
    site = CategoricalSite(weight / weight.sum())
    rounding = 4 * len(weights) * torch.finfo(dtype).eps
    cumulative = torch.nn.functional.pad(site.probs.double().cumsum(-1), (1, 0))[0]
    for index in _support(site):
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


@given(p=st.one_of(st.sampled_from(BITS), st.floats(0, 1)), fraction=FRACTIONS, dtype=DTYPES)
@settings(max_examples=200)
def test_redrawn_uniforms_are_uniforms(p: float, fraction: float, dtype: torch.dtype) -> None:
    """In [0, 1): at one, another site would draw an outcome whose probability is zero."""
    probs = torch.tensor([p], dtype=dtype)
    pair = torch.stack((1 - probs, probs), -1)
    sites: list[Site] = [BernoulliSite(probs), CategoricalSite(pair)]
    for site in sites:
        for index in _support(site):
            if site.probability(index) > 0:
                uniform = site.uniform_given(index, torch.tensor([fraction], dtype=dtype))
                assert 0 <= float(uniform) < 1


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
    below = CategoricalSite(probs * (1 - 1e-4)).index_from(torch.tensor([_fraction(2**24 - 1)]))
    assert int(below) == 9


@pytest.mark.parametrize("uniform", [0.0, 0.5, _fraction(2**24 - 1)])
def test_certain_bits_are_drawn_for_certain(uniform: float) -> None:
    site = BernoulliSite(torch.tensor([0.0, 1.0]))
    assert site.index_from(torch.tensor([uniform, uniform])).tolist() == [False, True]


def test_inversion_has_the_law_of_the_site() -> None:
    uniform = torch.rand(200_000, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for site, _ in _sites():
        drawn = site.detach().index_from(uniform if isinstance(site, BernoulliSite) else uniform[..., 0])
        for number, index in enumerate(_support(site)):
            hits = (drawn == index).double()
            assert (z_scores(hits, site.probability(index).detach()) < QUANTILE).all(), number
            assert (smallest_visible(hits) < 0.01).all()


def test_the_redrawn_uniform_is_uniform() -> None:
    """Given an outcome drawn from the site, it is uniform on the unit interval: mean 1/2, mean square 1/3."""
    generator = torch.Generator().manual_seed(2)
    for site, _ in _sites():
        fixed = site.detach()
        rows = fixed.with_probs(fixed.probs[:1].expand(100_000, *fixed.probs.shape[1:]))
        shape = rows.shape
        index = rows.index_from(torch.rand(shape, generator=generator, dtype=torch.float64))
        uniform = rows.uniform_given(index, torch.rand(shape, generator=generator, dtype=torch.float64))
        assert (z_scores(uniform, 0.5) < QUANTILE).all()
        assert (z_scores(uniform.square(), 1 / 3) < QUANTILE).all()
        assert (smallest_visible(uniform) < 0.01).all()


def test_other_distributions_are_refused_by_name() -> None:
    for distribution in (
        Normal(torch.zeros(3), 1.0),
        Independent(Bernoulli(torch.full((3, 2), 0.5)), 1),
        type("MyBernoulli", (Bernoulli,), {})(torch.full((3,), 0.5)),
    ):
        name = type(distribution).__name__
        with pytest.raises(UnsupportedSiteError, match=rf"{name} is not supported; use one of Bernoulli, Categorical, OneHot"):
            site_of(distribution, 3)


@pytest.mark.parametrize("distribution", [Bernoulli(torch.tensor(0.5)), Bernoulli(torch.full((2, 3), 0.5))])
def test_a_site_without_the_rows_is_refused(distribution: Bernoulli) -> None:
    with pytest.raises(UnsupportedSiteError, match=r"Bernoulli site has batch shape .* must be the 3 rows of params"):
        site_of(distribution, 3)
    assert site_of(distribution).shape == distribution.batch_shape


def test_a_site_without_elements_is_refused() -> None:
    with pytest.raises(UnsupportedSiteError, match=r"Bernoulli site has batch shape \(3, 0\), which holds no element"):
        site_of(Bernoulli(torch.zeros(3, 0)), 3)


def test_a_site_holds_no_distribution() -> None:
    site = site_of(Categorical(logits=torch.zeros(2, 3)), 2)
    assert set(vars(site)) == {"probs"}
