"""Sites: index, probabilities and inversion agree with torch's distributions and with each other.

Statistical tests: two-sided false-fail rate 9.6e-7 a coordinate; the smallest error that they find is asserted.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Independent, Normal, OneHotCategorical

from gradverify.estimators.protocol import UnsupportedSiteError
from gradverify.estimators.sites.reading import BernoulliSite, CategoricalSite, OneHotSite, Site, site_of

from ..intervals import QUANTILE, smallest_visible, z_scores
from .strategies import support


def _sites(dtype: torch.dtype = torch.float64) -> list[tuple[Site, Any]]:
    logits = torch.tensor([[0.5, -1.0, 2.3], [-2.5, 0.1, 0.4]], dtype=dtype, requires_grad=True)
    kinds: list[Any] = [Bernoulli, Categorical, OneHotCategorical]
    return [(site_of(kind(logits=logits), 2), kind(logits=logits)) for kind in kinds]


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
        for index in support(site):
            value = site.from_index(index)
            expected = distribution.log_prob(value).exp()
            torch.testing.assert_close(site.probability(index), expected)
            torch.testing.assert_close(site.probabilities()[..., int(index.flatten()[0])], expected)
            torch.testing.assert_close(site.log_probabilities().exp(), site.probabilities())
            assert value.dtype == site.dtype


def test_values_are_linear_maps_of_one_hot_vectors() -> None:
    for site, _ in _sites():
        for number, index in enumerate(support(site)):
            vector = torch.zeros(*site.shape, site.num_categories, dtype=site.dtype)
            vector[..., number] = 1
            assert torch.equal(site.from_one_hot(vector), site.from_index(index))


@pytest.mark.parametrize("kind", [Bernoulli, Categorical, OneHotCategorical])
def test_the_score_surrogate_has_the_gradient_of_log_p(kind: Any) -> None:
    leaf = torch.tensor([[0.5, -1.0, 2.3], [-2.5, 0.1, 0.4]], dtype=torch.float64, requires_grad=True)
    site = site_of(kind(logits=leaf), 2)
    for index in support(site):
        expected = torch.autograd.grad(kind(logits=leaf).log_prob(site.from_index(index)).sum(), leaf)
        found = torch.autograd.grad(site.score_surrogate(index).sum(), leaf, retain_graph=True)
        torch.testing.assert_close(found, expected)


def test_inversion_has_the_law_of_the_site() -> None:
    uniform = torch.rand(200_000, 2, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for site, _ in _sites():
        drawn = site.detach().index_from(uniform if isinstance(site, BernoulliSite) else uniform[..., 0])
        for number, index in enumerate(support(site)):
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
