"""Noise at the ends of its range: what is replaced, what is not, and that no registered estimator overflows there."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import ModuleType

import pytest
import torch
from torch.distributions import Bernoulli, Exponential, Uniform

from gradverify.estimators import ESTIMATORS, antithetic, categorical_antithetic
from gradverify.estimators.protocol import NoGradientPathError, NotApplicableError
from gradverify.estimators.sites import bernoulli as bernoulli_site
from gradverify.estimators.sites import categorical as categorical_site
from gradverify.verification.checks.conformance import applicability
from gradverify.verification.checks.extreme_noise import ExtremeNoise, uniform_ends
from gradverify.verification.problems import Problem, probe, registered_problems
from gradverify.verification.problems.problem import Probe

ROWS = 64
PROBLEMS = {name.split(":")[0]: each for name, each in reversed(registered_problems().items())}
"""The first of each family, which is its smallest."""


@cache
def problems_in(dtype: torch.dtype) -> list[tuple[Problem, Probe]]:
    """Return every problem with its parameters in a type, and what a probe saw of it."""
    problems = [replace(problem, params=problem.params.to(dtype)) for problem in PROBLEMS.values()]
    return [(problem, probe(problem)) for problem in problems]


def ends_of(drawn: torch.Tensor, ends: tuple[float, ...]) -> torch.Tensor:
    """Where a tensor is at one of the ends, ``[ends, *shape]``."""
    return torch.stack([drawn == each for each in torch.tensor(ends, dtype=drawn.dtype)])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_a_row_has_one_end_and_each_end_has_rows(dtype: torch.dtype) -> None:
    """Ten draws of three: a row has had its end with probability .79 on average; a shorter type meets ends by itself, too."""
    long = dtype in (torch.float32, torch.float64)
    for shape in ((ROWS, 3), (ROWS,), (2 * ROWS, 3), (ROWS, 2, 2)):
        with ExtremeNoise(ROWS, seed=0):
            drawn = [torch.rand(shape, dtype=dtype, generator=torch.Generator().manual_seed(1 + each)) for each in range(10)]
        met = ends_of(torch.stack(drawn), uniform_ends(dtype))
        assert met.flatten(1).any(1).all()
        rows = met.any(0).movedim(1, 0).reshape(ROWS, -1).sum(1)
        assert not long or (int(rows.max()) == 1 and int(rows.sum()) > ROWS / 4)
        assert float(torch.stack(drawn).max()) < 1


def test_every_way_to_draw_uniforms_meets_the_ends() -> None:
    ways = (
        lambda: torch.rand(ROWS),
        lambda: torch.rand_like(torch.zeros(ROWS)),
        lambda: torch.empty(ROWS).uniform_(0, 2) / 2,
        lambda: Uniform(torch.zeros(ROWS), 1.0).rsample(),
    )
    for way in ways:
        with ExtremeNoise(ROWS, seed=0):
            met = ends_of(way(), uniform_ends(torch.float32)).sum(1)
        assert int(met.min()) >= 1


def test_flat_draws_of_several_runs_give_a_row_one_end() -> None:
    """Whether index i of 2 n belongs to row i // 2 or to row i mod n is not known: at most one in both ways."""
    for seed in range(20):
        with ExtremeNoise(ROWS, seed=seed):
            drawn = torch.stack([torch.rand(2 * ROWS) for _ in range(10)])
        met = ends_of(drawn, uniform_ends(torch.float32)).any(0)
        assert int(met.reshape(10, ROWS, 2).sum((0, 2)).max()) == 1
        assert int(met.reshape(10, 2, ROWS).sum((0, 1)).max()) == 1
        assert int(met.sum()) > ROWS / 8


@pytest.mark.parametrize("shape", [(), (3,), (ROWS - 1, 2)], ids=str)
def test_draws_that_could_be_for_any_row_meet_one_end_in_all(shape: tuple[int, ...]) -> None:
    for seed in range(5):
        with ExtremeNoise(ROWS, seed=seed):
            drawn = torch.stack([torch.rand(shape) for _ in range(100)])
        assert int(ends_of(drawn, uniform_ends(torch.float32)).sum()) == 1


def test_late_draws_meet_ends() -> None:
    """The 60th draw of fifty calls: eight rows are expected to have their end there; were all shares 1/8, one in seven runs."""
    found = 0
    for seed in range(50):
        with ExtremeNoise(ROWS, seed=seed):
            late = [torch.rand(ROWS) for _ in range(60)][-1]
        found += int(ends_of(late, uniform_ends(torch.float32)).sum())
    assert found >= 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (1.0, 2.0), (-3.0, 0.1), (0.0, 1e-3), (2.0, 2.0)])
def test_uniforms_stay_below_their_bound_in_their_own_type(dtype: torch.dtype, low: float, high: float) -> None:
    ends = torch.tensor(uniform_ends(dtype, low, high), dtype=dtype)
    assert (ends >= torch.tensor(low, dtype=dtype)).all()
    assert low == high or (ends < torch.tensor(high, dtype=dtype)).all()


def test_exponentials_reach_from_near_zero_to_25_halvings_and_never_zero() -> None:
    for draw in (
        lambda: torch.empty(ROWS).exponential_(lambd=2.0),
        lambda: Exponential(torch.full((ROWS,), 2.0)).sample(),
    ):
        with ExtremeNoise(ROWS, seed=0):
            drawn = draw()
        assert float(drawn.min()) == pytest.approx(2.0**-25, rel=1e-6)
        assert float(drawn.max()) == pytest.approx(12.5 * 0.6931472, rel=1e-6)
    with ExtremeNoise(ROWS, seed=0):
        assert float(torch.empty(ROWS, dtype=torch.float16).exponential_(lambd=100.0).min()) > 0


def test_generators_advance_as_ever_and_nothing_is_left_behind() -> None:
    inside, outside = torch.Generator().manual_seed(2), torch.Generator().manual_seed(2)
    with ExtremeNoise(10, seed=0):
        torch.rand(10, generator=inside)
        torch.rand(10, generator=inside)
    torch.rand(20, generator=outside)
    assert torch.equal(torch.rand(5, generator=inside), torch.rand(5, generator=outside))


def test_draws_inside_vmap_and_empty_draws_are_left_to_run() -> None:
    with ExtremeNoise(ROWS, seed=0):
        drawn = torch.func.vmap(lambda each: each + torch.rand(3), randomness="different")(torch.zeros(ROWS))
        assert torch.rand(0).shape == (0,)
    assert drawn.shape == (ROWS, 3)


def test_what_draws_until_it_is_content_ends() -> None:
    tries = 1
    with ExtremeNoise(ROWS, seed=3):
        while not 0.4 < float(torch.rand(())) < 0.6:
            tries += 1
    assert tries < 1000


def test_certain_outcomes_stay_certain() -> None:
    for each in (0.0, 1.0):
        with ExtremeNoise(ROWS, seed=0):
            assert torch.isfinite(ESTIMATORS["score_function"](certain, torch.tensor(each), ROWS, torch.Generator())).all()


def certain(params: torch.Tensor, sample: object) -> torch.Tensor:
    value = sample(Bernoulli(params))  # type: ignore[operator]
    assert bool((value == params).all())
    return value * (1 + params)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_registered_estimators_stay_finite(name: str, dtype: torch.dtype) -> None:
    """In single precision too, where the ends are met: ARMS and CARMS once drew what is impossible from a uniform of 1."""
    estimator = ESTIMATORS[name]
    for problem, seen in problems_in(dtype):
        if applicability(estimator, problem, seen):
            continue
        try:
            with ExtremeNoise(ROWS, seed=0):
                rows = estimator(problem.program, problem.params, ROWS, torch.Generator().manual_seed(0))
        except (NotApplicableError, NoGradientPathError):
            continue
        assert torch.isfinite(rows).all(), problem.name


@pytest.mark.parametrize(("name", "module"), [("arms", antithetic), ("carms", categorical_antithetic)])
def test_power_on_a_uniform_that_rounds_to_one(name: str, module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what keeps uniforms below one, ARMS and CARMS draw impossible outcomes at the walk's ends, seen in six calls."""
    problem = replace(PROBLEMS["random_walk"], params=PROBLEMS["random_walk"].params.to(torch.float32))

    def finite() -> list[bool]:
        found = []
        for seed in range(6):
            with ExtremeNoise(ROWS, seed=seed):
                rows = ESTIMATORS[name](problem.program, problem.params, ROWS, torch.Generator().manual_seed(seed))
            found.append(bool(torch.isfinite(rows).all()))
        return found

    assert all(finite())
    for each in (module, bernoulli_site, categorical_site):
        monkeypatch.setattr(each, "below_one", lambda uniform: uniform)
    assert not all(finite())
