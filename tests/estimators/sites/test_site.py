"""The protocol of a site, held against every law in the table, and a law of a test that joins by a row of its own.

Statistical tests: two-sided false-fail rate 9.6e-7 a coordinate; the smallest error that they find is asserted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Binomial,
    Categorical,
    Distribution,
    Exponential,
    Geometric,
    Normal,
    OneHotCategorical,
    Poisson,
)

from gradverify.estimators import (
    ARM,
    DiCE,
    Enumeration,
    Estimator,
    FiniteDifference,
    KSubset,
    LeaveOneOut,
    MuProp,
    Rebar,
    Sample,
    ScoreFunction,
    StochasticTriple,
    StraightThrough,
    UnsupportedSiteError,
    VarGrad,
    exact_moments,
)
from gradverify.estimators.protocol import NotApplicableError
from gradverify.estimators.runs.tape import Tape, draw, recording, sampling
from gradverify.estimators.sites import LAWS, FiniteSite, Site, SiteLaw, finite_site_of, is_finite, law_of, site_of

from ..intervals import QUANTILE, smallest_visible, z_scores

PROBS = torch.tensor([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], dtype=torch.float64)
DISTRIBUTIONS: dict[type[Distribution], Distribution] = {
    Bernoulli: Bernoulli(PROBS),
    Categorical: Categorical(PROBS),
    OneHotCategorical: OneHotCategorical(PROBS),
    KSubset: KSubset(PROBS.log(), 2),
    Binomial: Binomial(3, PROBS),
    Geometric: Geometric(PROBS),
    Poisson: Poisson(3 * PROBS),
}


@dataclass(frozen=True, eq=False)
class WaitingSite:
    """A site that is not finite: exponential waiting times, drawn by inversion."""

    rate: Tensor

    finite: ClassVar[bool] = False
    uniform_shape: ClassVar[torch.Size] = torch.Size()

    @property
    def shape(self) -> torch.Size:
        return self.rate.shape

    @property
    def requires_grad(self) -> bool:
        return self.rate.requires_grad

    @property
    def dtype(self) -> torch.dtype:
        return self.rate.dtype

    @property
    def device(self) -> torch.device:
        return self.rate.device

    def detach(self) -> WaitingSite:
        return WaitingSite(self.rate.detach())

    def draw(self, uniforms: Tensor) -> Tensor:
        return -torch.log1p(-uniforms) / self.rate.detach()

    def value(self, outcome: Tensor) -> Tensor:
        return outcome

    def log_prob(self, outcome: Tensor) -> Tensor:
        return self.rate.log() - self.rate * outcome

    def cdf(self, outcome: Tensor) -> Tensor:
        return -torch.expm1(-self.rate * outcome)

    def nodes(self, count: int) -> tuple[Tensor, Tensor]:
        points = torch.arange(count, dtype=self.dtype).add(0.5).div(count).reshape(-1, *(1 for _ in self.shape))
        return self.draw(points.expand(count, *self.shape)), torch.full((count, *self.shape), 1 / count, dtype=self.dtype)


class Waiting(Exponential):
    """A distribution that no row of the table knows; it carries its own."""

    site_law: ClassVar[SiteLaw] = SiteLaw(
        "values",
        read=lambda distribution: WaitingSite(distribution.rate),
        detach=lambda distribution: Waiting(distribution.rate.detach()),
    )


def race(params: Tensor, sample: Sample) -> Tensor:
    """A bit that follows a waiting time T: ``E f = E exp(-T) = r / (1 + r)``, whose derivative is ``1 / (1 + r)^2``."""
    time = sample(Waiting(params))
    return sample(Bernoulli(torch.exp(-time)))


RATE = torch.tensor(1.5, dtype=torch.float64)
SLOPE = 1 / (1 + 1.5) ** 2


@pytest.mark.parametrize("kind", LAWS, ids=lambda kind: kind.__name__)
def test_the_methods_of_a_law_in_the_table_agree(kind: type[Distribution]) -> None:
    site = site_of(DISTRIBUTIONS[kind], 2)
    assert is_finite(site)
    outcomes, weights = site.nodes(1)
    assert outcomes.shape == weights.shape == (site.num_categories, *site.shape)
    mass = weights.sum(0)
    torch.testing.assert_close(mass, torch.ones_like(mass), rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.stack([site.probability(index) for index in outcomes]), weights)
    torch.testing.assert_close(torch.stack([site.log_prob(index) for index in outcomes]), weights.log())
    torch.testing.assert_close(torch.stack([site.cdf(index) for index in outcomes]), weights.cumsum(0))
    for index in outcomes:
        assert torch.equal(site.value(index), site.from_index(index))


@pytest.mark.parametrize("kind", LAWS, ids=lambda kind: kind.__name__)
def test_an_expectation_over_the_nodes_is_the_mean(kind: type[Distribution]) -> None:
    distribution = DISTRIBUTIONS[kind]
    site = site_of(distribution, 2)
    outcomes, weights = site.nodes(1)
    values = torch.stack([site.value(index) for index in outcomes])
    found = (weights.reshape(*weights.shape, *(1 for _ in values.shape[weights.dim() :])) * values).sum(0)
    if isinstance(distribution, Categorical):
        expected = PROBS @ torch.arange(3, dtype=torch.float64)
    else:
        expected = distribution.marginals() if isinstance(distribution, KSubset) else distribution.mean
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", LAWS, ids=lambda kind: kind.__name__)
def test_the_row_of_a_law_detaches_its_distribution(kind: type[Distribution]) -> None:
    leaf = PROBS.clone().requires_grad_()
    makers: dict[type[Distribution], Any] = {KSubset: lambda: KSubset(leaf, 2), Binomial: lambda: Binomial(3, leaf)}
    distribution = makers.get(kind, lambda: kind(leaf))()  # type: ignore[call-arg]
    assert site_of(distribution, 2).requires_grad
    detached = law_of(distribution).detach(distribution)
    assert type(detached) is kind
    assert not site_of(detached, 2).requires_grad
    torch.testing.assert_close(finite_site_of(detached, 2).probs, finite_site_of(distribution, 2).probs.detach())


@pytest.mark.parametrize("kind", LAWS, ids=lambda kind: kind.__name__)
def test_a_draw_has_the_law_of_its_distribution_function(kind: type[Distribution]) -> None:
    uniform = (torch.arange(2000, dtype=torch.float64) + 0.5) / 2000
    site = site_of(DISTRIBUTIONS[kind], 2)
    drawn = torch.stack([site.draw(each.expand(site.shape)) for each in uniform])
    for index in site.nodes(1)[0][:4]:
        share = (drawn <= index).double().mean(0)
        # An even grid of uniforms counts a share to within one point at the interval's end.
        torch.testing.assert_close(share, site.cdf(index), rtol=0, atol=1 / 2000)


def test_a_law_outside_the_table_is_read_by_its_own_row() -> None:
    distribution = Waiting(torch.tensor([1.0, 2.0], requires_grad=True))
    site = site_of(distribution, 2)
    assert isinstance(site, WaitingSite)
    assert site.requires_grad
    assert not is_finite(site)
    assert not law_of(distribution).detach(distribution).rate.requires_grad  # type: ignore[attr-defined]
    with pytest.raises(UnsupportedSiteError, match=r"Exponential is not supported"):
        site_of(Exponential(torch.ones(2)), 2)
    with pytest.raises(UnsupportedSiteError, match=r"Sub is not supported"):
        site_of(type("Sub", (Waiting,), {})(torch.ones(2)), 2)
    with pytest.raises(UnsupportedSiteError, match=r"Normal is not supported"):
        site_of(Normal(torch.zeros(2), 1.0), 2)


def test_the_plain_primitive_draws_from_it_and_the_tape_records_it() -> None:
    rate = torch.full((100_000,), 1.5, dtype=torch.float64)
    plain = race(rate, sampling(100_000, torch.Generator().manual_seed(0)))
    tape: Tape[Site] = Tape()
    recorded = race(rate, recording(100_000, torch.Generator().manual_seed(0), tape))
    assert torch.equal(plain, recorded)
    times = tape.draws[0].index
    assert torch.equal(times, draw(WaitingSite(rate), torch.Generator().manual_seed(0)))
    assert z_scores(times, 1 / 1.5) < QUANTILE
    assert z_scores(plain, 0.6) < QUANTILE
    assert smallest_visible(plain) < 0.02


@pytest.mark.parametrize(
    "estimator",
    [ScoreFunction(), LeaveOneOut(group=2), DiCE(), VarGrad(group=4), FiniteDifference()],
    ids=lambda each: type(each).__name__,
)
def test_estimators_that_draw_and_score_differentiate_it(estimator: Estimator) -> None:
    """Against 4 / 25, the derivative of r / (1 + r) at 3 / 2."""
    rows = estimator(race, RATE, 100_000, torch.Generator().manual_seed(1))
    # Central differences with step h add a bias of h^2 / (1 + r)^4, far below the smallest visible error.
    assert z_scores(rows, SLOPE) < QUANTILE
    assert smallest_visible(rows) < 0.15 * SLOPE


def test_planted_density_without_its_normaliser_is_caught() -> None:
    """Without log r the score is too small by 1 / r, and the estimate by E f / r."""

    class Unnormalised(WaitingSite):
        def log_prob(self, outcome: Tensor) -> Tensor:
            return -self.rate * outcome

    class Wrong(Exponential):
        site_law = SiteLaw("values", lambda each: Unnormalised(each.rate), lambda each: each)

    def program(params: Tensor, sample: Sample) -> Tensor:
        return sample(Bernoulli(torch.exp(-sample(Wrong(params)))))

    rows = ScoreFunction()(program, RATE, 100_000, torch.Generator().manual_seed(1))
    assert z_scores(rows, SLOPE) > QUANTILE
    assert z_scores(rows, SLOPE - 0.6 / 1.5) < QUANTILE


@pytest.mark.parametrize(
    "estimator",
    [StochasticTriple(), StraightThrough(), Enumeration(), ARM(), MuProp(), Rebar()],
    ids=lambda each: type(each).__name__,
)
def test_estimators_that_need_categories_refuse_it(estimator: Estimator) -> None:
    with pytest.raises(UnsupportedSiteError, match=r"Waiting has no finite list of outcomes, which this estimator needs; use"):
        estimator(race, RATE, 4, torch.Generator())


def test_exact_mode_refuses_it() -> None:
    with pytest.raises(NotApplicableError, match=r"exact mode: a WaitingSite has no finite list of outcomes"):
        exact_moments(ScoreFunction(), race, RATE)


def test_a_vector_takes_one_uniform_a_component() -> None:
    """A site states the shape of its uniforms; the tape draws them in one call."""

    @dataclass(frozen=True, eq=False)
    class Pair(WaitingSite):
        uniform_shape: ClassVar[torch.Size] = torch.Size((2,))

        def draw(self, uniforms: Tensor) -> Tensor:
            return super().draw(uniforms.amin(-1))

    used, reference = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    draw(Pair(torch.ones(5, 3)), used)
    torch.rand(5, 3, 2, generator=reference)
    assert torch.equal(used.get_state(), reference.get_state())
    shared = draw(Pair(torch.ones(4, 3)), used, copies=2)
    assert torch.equal(shared[:2], shared[2:])


def test_a_finite_site_is_a_site() -> None:
    """The annotations are checked by the type checker; this holds the names at run time."""
    site: FiniteSite = finite_site_of(Bernoulli(torch.full((2,), 0.5)), 2)
    general: Site = site
    assert is_finite(general)
    assert general.uniform_shape == torch.Size()
