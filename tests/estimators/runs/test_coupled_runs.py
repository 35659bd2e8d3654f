"""Coupled runs with couplings of the test's own: which draws may be coupled, and what the estimate is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Estimator, LeaveOneOut, Program, Sample
from gradverify.estimators.antithetic import antithetic_bits
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.runs.coupled_runs import Coupling, Joint, differentiate_jointly
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.tape import draw
from gradverify.estimators.sites.reading import Site

POINT = torch.tensor(0.4, dtype=torch.float64)


def chain(params: Tensor, sample: Sample) -> Tensor:
    first = sample(Bernoulli(params))
    second = sample(Bernoulli(0.2 + params * (1 + first) / 3))
    return 3 + first + 2 * second - 4 * first * second + params * second


def meeting(params: Tensor, sample: Sample) -> Tensor:
    """The second site's probability is one half on both branches at 0.5, with derivatives of both signs."""
    first = sample(Bernoulli(params))
    second = sample(Bernoulli(torch.where(first > 0, params, 1 - params)))
    return 1 + first + 5 * second - 2 * first * second


def alone(site: Site, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Independent draws, W = 1."""
    index = draw(site, generator)
    rows, copies, *batch = index.shape
    return Joint(index, site.score_surrogate(index), torch.ones(rows, copies, copies, *batch, dtype=site.dtype))


def everywhere(site: Site, coupled: Tensor, generator: torch.Generator) -> Joint:
    """Planted: couples draws that it must not."""
    return antithetic_bits(site, torch.ones_like(coupled), generator)


def jointly(coupling: Coupling, copies: int = 2) -> Estimator:
    return lambda program, params, rows, generator: differentiate_jointly(coupling, program, params, rows, generator, copies)


def masks(program: Program, point: float) -> tuple[Tensor, Tensor, Tensor]:
    """The two sites' masks in 50 replicates, and where the two runs agreed at the first site."""
    found: list[Tensor] = []
    drawn: list[Tensor] = []

    def watching(site: Site, coupled: Tensor, generator: torch.Generator) -> Joint:
        found.append(coupled)
        joint = alone(site, coupled, generator)
        drawn.append(joint.index)
        return joint

    jointly(watching)(program, torch.tensor(point, dtype=torch.float64), 50, torch.Generator().manual_seed(0))
    return found[0], found[1], drawn[0][:, 0] == drawn[0][:, 1]


def test_independent_runs_are_leave_one_out() -> None:
    for copies in (2, 3):
        for mine, known in zip(
            exact_moments(jointly(alone, copies), chain, POINT), exact_moments(LeaveOneOut(copies), chain, POINT), strict=True
        ):
            torch.testing.assert_close(mine, known)


def test_only_runs_with_one_law_may_be_coupled() -> None:
    for program, point in ((chain, 0.4), (meeting, 0.3), (meeting, 0.5)):
        first, second, agree = masks(program, point)
        assert first.all()
        assert torch.equal(second, agree)
        assert 0 < agree.sum() < len(agree)


def test_coupling_as_allowed_is_unbiased_and_planted_coupling_everywhere_is_not() -> None:
    for program, point in ((chain, POINT), (meeting, torch.tensor(0.5, dtype=torch.float64))):
        exact = enumerate_paths(program, point).gradient()
        allowed, _ = exact_moments(jointly(antithetic_bits), program, point)
        torch.testing.assert_close(allowed, exact)
        planted, _ = exact_moments(jointly(everywhere), program, point)
        assert (planted - exact).abs() > 0.01
