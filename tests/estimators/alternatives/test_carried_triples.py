"""Carried triples: the alternative beside the primal means the same as the replayed one, and varies less.

Statistical tests: two-sided false-fail rate 9.6e-7 a coordinate; the smallest error that they find is asserted.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import MarkovProgram, Program, StochasticTriple
from gradverify.estimators.alternatives.carried_triples import carried_leave_one_out, carried_one_sided
from gradverify.estimators.enumeration import enumerate_paths

from ..intervals import QUANTILE, smallest_visible, variance_z_score, z_scores
from ..programs import random_walk

TABLE = torch.tensor([[0.5, -1.0, 0.3], [-0.7, 0.2, 1.1], [0.4, 0.9, -0.6]], dtype=torch.float64)


def _generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _categories() -> MarkovProgram:
    """A one-hot state of three categories and a running score beside it: a state of four numbers."""
    return MarkovProgram(
        num_steps=3,
        initial=lambda params: params.new_tensor([1.0, 0.0, 0.0, 0.5]).expand(len(params), 4),
        site=lambda params, state, k: OneHotCategorical(logits=params + state[:, :3] @ TABLE),
        step=lambda state, value, k: torch.cat((value, state[:, 3:] * 0.5 + value[:, 1:2] - 2 * value[:, 2:]), 1),
        objective=lambda state: 2 + (state[:, 3] - state[:, 0]) ** 2,
    )


def _many_elements() -> MarkovProgram:
    """Three bits a step, counted modulo five: the alternative meets the primal again and again."""
    slopes = torch.tensor([0.5, -0.4, 0.8], dtype=torch.float64)
    return MarkovProgram(
        num_steps=2,
        initial=lambda params: torch.zeros_like(params.reshape(len(params), -1)[:, 0]),
        site=lambda params, state, k: Bernoulli(
            logits=params.reshape(len(params), -1).sum(-1, keepdim=True) * slopes - 0.8 * state.unsqueeze(-1)
        ),
        step=lambda state, value, k: (state + value.sum(-1)) % 5,
        objective=lambda state: (state + 1) ** 2,
    )


def _moving_start(dimensions: int) -> MarkovProgram:
    """The parameter enters the state itself: there is a derivative at fixed outcomes, and sites depend on it."""
    return MarkovProgram(
        num_steps=3,
        initial=lambda params: 0.7 * params.reshape(len(params), dimensions)[:, 0] ** 2,
        site=lambda params, state, k: Categorical(
            logits=torch.stack((0 * state, 0.5 * state, params.reshape(len(params), dimensions).sum(-1) - state), -1)
        ),
        step=lambda state, value, k: 0.8 * state + value - 0.5,
        objective=lambda state: (state + 1) ** 2,
    )


PROGRAMS = [
    pytest.param(random_walk(5), 4.0, id="walk"),
    pytest.param(_many_elements(), 0.7, id="many elements, scalar"),
    pytest.param(_many_elements(), (0.4, 0.3), id="many elements, vector"),
    pytest.param(_moving_start(1), 0.9, id="moving start, scalar"),
    pytest.param(_moving_start(2), (0.9, -0.3), id="moving start, vector"),
    pytest.param(_categories(), (0.3, -0.4, 0.6), id="vector state"),
]


@pytest.mark.parametrize(("program", "point"), PROGRAMS)
def test_carried_and_replayed_triples_mean_the_exact_gradient(program: MarkovProgram, point: float | tuple[float, ...]) -> None:
    params = torch.tensor(point, dtype=torch.float64)
    exact = enumerate_paths(program, params).gradient()
    replayed: Program = lambda rows, sample: program(rows, sample)  # noqa: E731
    means = []
    for seed, text in enumerate((program, replayed)):
        rows = StochasticTriple()(text, params, 100_000, _generator(seed))
        assert (smallest_visible(rows) < 0.15 * exact.abs().max()).all()
        assert (z_scores(rows, exact) < QUANTILE).all()
        means.append(rows)
    first, second = means
    error = ((first.var(0) + second.var(0)) / len(first)).sqrt()
    assert ((first.mean(0) - second.mean(0)).abs() < QUANTILE * error).all()


def test_both_jumps_agree_on_a_scalar() -> None:
    """A scalar may be passed as a vector of one: other jumps, other variance, the same mean."""
    program = _moving_start(1)
    exact = enumerate_paths(program, torch.tensor(0.9, dtype=torch.float64)).gradient()
    one_sided = carried_one_sided(program, torch.tensor(0.9, dtype=torch.float64), 100_000, _generator())
    leave_one_out = carried_leave_one_out(program, torch.tensor([0.9], dtype=torch.float64), 100_000, _generator())
    assert one_sided.shape == (100_000,)
    assert leave_one_out.shape == (100_000, 1)
    for rows in (one_sided, leave_one_out.squeeze(1)):
        assert smallest_visible(rows) < 0.1 * exact.abs()
        assert z_scores(rows, exact) < QUANTILE


@pytest.mark.parametrize(("num_steps", "exact", "rounding"), [(10, 3.32, 0.005), (20, 10.2, 0.05)])
def test_the_variance_of_the_pruned_triple_is_the_exact_one(num_steps: int, exact: float, rounding: float) -> None:
    """On the walk, with coalesced alternatives dropped: d/dp E[X_n^2] at p = n, quoted to three digits."""
    params = torch.tensor(float(num_steps), dtype=torch.float64)
    rows = StochasticTriple()(random_walk(num_steps), params, 150_000, _generator())
    distance, visible = variance_z_score(rows, exact, rounding=rounding)
    assert visible < 0.1
    assert distance < QUANTILE


def test_keeping_coalesced_alternatives_is_found() -> None:
    """Planted: the replayed triple, which drops nothing, has the variance 4.62 and not 3.32."""
    program = random_walk(10)
    rows = StochasticTriple()(
        lambda params, sample: program(params, sample), torch.tensor(10.0, dtype=torch.float64), 150_000, _generator()
    )
    assert variance_z_score(rows, 3.32, rounding=0.005)[0] > QUANTILE


def test_alternatives_that_meet_the_primal_are_dropped() -> None:
    """The last step forgets everything: every alternative but the last step's own jump has met, and counts for nothing."""

    def objective(step: Callable[[Tensor, Tensor, int], Tensor]) -> MarkovProgram:
        return MarkovProgram(
            num_steps=3,
            initial=torch.zeros_like,
            site=lambda params, state, k: Bernoulli(params),
            step=step,
            objective=lambda state: (state + 1) ** 3,
        )

    params = torch.tensor(0.3, dtype=torch.float64)
    forgetful = objective(lambda state, value, k: value)
    rows = StochasticTriple()(forgetful, params, 2000, _generator())
    torch.testing.assert_close(rows.unique(), torch.tensor([0.0, 7 / 0.7], dtype=torch.float64))
    blank = objective(lambda state, value, k: 0 * value)
    assert not StochasticTriple()(blank, params, 100, _generator()).any()


def test_a_program_of_no_steps_has_its_own_derivative_alone() -> None:
    for params in (torch.tensor(3.0), torch.tensor([3.0, 1.0])):
        program = MarkovProgram(
            num_steps=0,
            initial=lambda points: points.reshape(len(points), -1)[:, 0] ** 2,
            site=lambda points, state, k: Bernoulli(points),
            step=lambda state, value, k: state,
            objective=lambda state: 2 * state,
        )
        rows = StochasticTriple()(program, params, 2, torch.Generator())
        assert rows.reshape(2, -1)[:, 0].tolist() == [12.0, 12.0]
