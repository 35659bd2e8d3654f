"""Noise at the ends of its range: what is replaced, what is not, and that no registered estimator overflows there."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.distributions import Bernoulli, Exponential, Uniform

from gradverify.estimators import ESTIMATORS
from gradverify.estimators.protocol import NoGradientPathError, NotApplicableError
from gradverify.verification.conformance import applicability
from gradverify.verification.extremes import ENDS, ExtremeNoise
from gradverify.verification.problems import probe, registered

COUNT = 6000
PROBLEMS = {name.split(":")[0]: each for name, each in reversed(registered().items())}
"""The first of each family, which is its smallest."""


def shares(drawn: torch.Tensor, ends: tuple[float, ...]) -> list[float]:
    return [float((drawn == each).double().mean()) for each in torch.tensor(ends, dtype=drawn.dtype)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_half_of_the_uniforms_are_ends(dtype: torch.dtype) -> None:
    """A sixth each, within six standard errors of 6,000 draws; the seed is fixed, so it passes always or never."""
    generator = torch.Generator().manual_seed(1)
    with ExtremeNoise(0):
        first = torch.rand(COUNT, dtype=dtype, generator=generator)
        alike = torch.rand_like(first)
        moved = torch.empty(COUNT, dtype=dtype).uniform_(0, 2, generator=generator)
        site = Uniform(torch.zeros(COUNT, dtype=dtype), 1.0).rsample()
    for drawn in (first, alike, moved / 2, site):
        assert shares(drawn, ENDS) == pytest.approx([1 / 6] * 3, abs=0.03)
    assert float(first.max()) < 1


def test_exponentials_reach_from_near_zero_to_24_halvings_and_never_zero() -> None:
    with ExtremeNoise(0):
        drawn = torch.empty(COUNT).exponential_(lambd=2.0)
        site = Exponential(torch.full((COUNT,), 2.0)).sample()
    for each in (drawn, site):
        assert float(each.min()) == pytest.approx(2.0**-25, rel=1e-6)
        assert float(each.max()) == pytest.approx(12 * 0.6931472, rel=1e-6)


def test_generators_advance_as_ever_and_nothing_is_left_behind() -> None:
    inside, outside = torch.Generator().manual_seed(2), torch.Generator().manual_seed(2)
    with ExtremeNoise(0):
        torch.rand(10, generator=inside)
        torch.rand(10, generator=inside)
    torch.rand(20, generator=outside)
    assert torch.equal(torch.rand(5, generator=inside), torch.rand(5, generator=outside))


def test_what_draws_until_it_is_content_ends() -> None:
    tries = 1
    with ExtremeNoise(3):
        while not 0.4 < float(torch.rand(())) < 0.6:
            tries += 1
    assert tries < 1000


def test_certain_outcomes_stay_certain() -> None:
    with ExtremeNoise(0):
        for each in (0.0, 1.0):
            assert torch.isfinite(ESTIMATORS["score_function"](certain, torch.tensor(each), 64, torch.Generator())).all()


def certain(params: torch.Tensor, sample: object) -> torch.Tensor:
    value = sample(Bernoulli(params))  # type: ignore[operator]
    assert bool((value == params).all())
    return value * (1 + params)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_registered_estimators_stay_finite(name: str, dtype: torch.dtype) -> None:
    """In single precision too, where the ends are met: ARMS and CARMS once drew what is impossible from a uniform of 1."""
    estimator = ESTIMATORS[name]
    for problem in PROBLEMS.values():
        problem = replace(problem, params=problem.params.to(dtype))
        if applicability(estimator, problem, probe(problem)):
            continue
        try:
            with ExtremeNoise(0):
                rows = estimator(problem.program, problem.params, 64, torch.Generator().manual_seed(0))
        except (NotApplicableError, NoGradientPathError):
            continue
        assert torch.isfinite(rows).all(), problem.name
