"""Stochastic triples on plain programs: rows by hand, lanes, sites of many elements, and the exact variance on the walk.

Statistical tests: two-sided false-fail rate 9.6e-7 a coordinate; the smallest error that they find is asserted.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from gradverify.estimators import MarkovProgram, NotApplicableError, Program, Sample, StochasticTriple
from gradverify.estimators.enumeration import enumerate_paths

from .intervals import QUANTILE, smallest_visible, variance_and_error, variance_z_score, z_scores
from .programs import coin, random_walk


def _generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _plain(program: MarkovProgram) -> Program:
    """Hide the parts of the program, so that it is replayed and not carried."""
    return lambda params, sample: program(params, sample)


def _walk_rows(num_steps: int, lanes: int, num_samples: int, program: Program | None = None) -> Tensor:
    params = torch.tensor(float(num_steps), dtype=torch.float64)
    return StochasticTriple(lanes=lanes)(program or _plain(random_walk(num_steps)), params, num_samples, _generator())


def _agree(program: Program, params: Tensor, *, lanes: int = 1, num_samples: int = 100_000, visible: float = 0.1) -> None:
    exact = enumerate_paths(program, params).gradient()
    rows = StochasticTriple(lanes=lanes)(program, params, num_samples, _generator())
    assert (smallest_visible(rows) < visible * exact.abs().max()).all()
    assert (z_scores(rows, exact) < QUANTILE).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_rising_bit_jumps_up_at_its_rate(sign: int) -> None:
    """p(theta) with slope +-1: only a zero jumps up, weight 1 / (1 - p), or a one down, weight 1 / p; gain +-7."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        return (sample(Bernoulli(sign * params)) + 1) ** 3

    rows = StochasticTriple()(program, torch.tensor(sign * 0.3, dtype=torch.float64), 1000, _generator())
    jump = 7 / 0.7 if sign > 0 else -7 / 0.3
    torch.testing.assert_close(rows.unique().sort().values, torch.tensor(sorted([0.0, jump]), dtype=torch.float64))


def test_a_vector_takes_leave_one_out_jumps() -> None:
    """Each row flips one bit s of two: W / omega_s * dp_s * (f(flipped) - f) towards one, in coordinate s alone."""
    logits = torch.tensor([0.6, -1.1], dtype=torch.float64)
    p = logits.sigmoid()
    rate = 2 * p * (1 - p)
    seen: list[Tensor] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        bits = sample(Bernoulli(logits=params))
        seen.append(bits)
        return (1 + bits[:, 0] + 3 * bits[:, 1]) ** 2

    rows = StochasticTriple()(program, logits, 200, _generator())
    primal, alternative = seen
    moved = primal != alternative
    assert (moved.sum(1) == 1).all()
    objective, changed = ((1 + bits[:, 0] + 3 * bits[:, 1]) ** 2 for bits in (primal, alternative))
    flow = torch.where(moved, (2 * alternative - 1) * p * (1 - p) / rate, 0.0)
    torch.testing.assert_close(rows, (changed - objective).unsqueeze(1) * rate.sum() * flow)


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_lanes_do_not_bias(lanes: int) -> None:
    _agree(_plain(random_walk(4)), torch.tensor(3.0, dtype=torch.float64), lanes=lanes)


def test_sites_of_many_elements_branch_at_one_of_them() -> None:
    shift = torch.tensor([[0.2, -0.5, 0.9], [1.0, 0.1, -0.3]], dtype=torch.float64)

    def program(params: Tensor, sample: Sample) -> Tensor:
        pair = sample(Categorical(logits=params.unsqueeze(1) + shift))
        marks = sample(OneHotCategorical(logits=params.unsqueeze(1) * (pair.unsqueeze(-1) - 0.5)))
        bits = sample(Bernoulli(logits=params[:, :2] * marks[:, :, 0]))
        return 1 + (pair[:, 0] - 0.5) * (pair[:, 1] + 1) + bits.sum(-1) ** 2 + marks[:, 0, 1] * bits[:, 1]

    _agree(program, torch.tensor([0.6, -0.5, 0.2], dtype=torch.float64), num_samples=120_000)


def test_sites_of_many_elements_take_a_scalar_parameter() -> None:
    """The rates of 2 x 3 elements and of two sites compete; tangents of both signs."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        slopes = torch.tensor([[0.5, -1.0, 0.3], [-0.2, 1.5, 0.0]], dtype=params.dtype)
        bits = sample(Bernoulli(torch.sigmoid(params[:, None, None] * slopes)))
        index = sample(Categorical(logits=torch.stack((params, bits.sum((1, 2)) - 2, -params), -1)))
        return (bits[:, 0].sum(-1) - 2 * bits[:, 1, 1] + index) ** 2 + params * index

    _agree(program, torch.tensor(0.8, dtype=torch.float64), num_samples=120_000)


def test_sites_that_know_nothing_of_the_parameters_are_replayed_too() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        noise = sample(Categorical(logits=torch.zeros(len(params), 3, dtype=params.dtype)))
        bits = sample(Bernoulli(logits=params))
        return (noise - 1) * bits[:, 0] * (2 - bits[:, 1]) + (noise + bits.sum(-1)) ** 2

    _agree(program, torch.tensor([0.4, -0.9], dtype=torch.float64))


def test_an_indicator_is_no_obstacle() -> None:
    program = coin(lambda bit: (bit > 0.5).double())
    _agree(program, torch.tensor(0.3, dtype=torch.float64))


def test_a_certain_bit_that_may_move_is_seen_from_below() -> None:
    """At p = 0 the jump up has rate one; at p = 1 the outcome that would move is never drawn."""
    program = coin(lambda bit: (bit + 1) ** 3)
    assert StochasticTriple()(program, torch.tensor(0.0), 3, _generator()).tolist() == [7.0] * 3
    assert StochasticTriple()(program, torch.tensor(1.0), 3, _generator()).tolist() == [0.0] * 3


@pytest.mark.parametrize(("num_steps", "exact", "rounding"), [(10, 4.62, 0.005), (20, 17.0, 0.05)])
def test_the_variance_of_the_replayed_triple_is_the_exact_one(num_steps: int, exact: float, rounding: float) -> None:
    """On the walk, with coalesced alternatives kept: d/dp E[X_n^2] at p = n, quoted to three digits."""
    rows = _walk_rows(num_steps, 1, 150_000)
    distance, visible = variance_z_score(rows, exact, rounding=rounding)
    assert visible < 0.1
    assert distance < QUANTILE


def test_lanes_share_their_primal_run() -> None:
    """The variance of m lanes is A + B / m, A that of the mean given the primal: three of them determine one another."""
    one, two, four = (variance_and_error(_walk_rows(10, lanes, 100_000)) for lanes in (1, 2, 4))
    gap = four[0] - 1.5 * two[0] + 0.5 * one[0]
    error = math.hypot(four[1], 1.5 * two[1], 0.5 * one[1])
    assert error < 0.05 * one[0]
    assert abs(gap) < QUANTILE * error
    assert two[0] - one[0] < -QUANTILE * math.hypot(one[1], two[1])


def test_a_wrong_weight_is_found() -> None:
    """Planted: rows that are a tenth too large have a variance that is a fifth too large."""
    distance, _ = variance_z_score(1.1 * _walk_rows(10, 1, 150_000), 4.62, rounding=0.005)
    assert distance > QUANTILE


def test_evaluations_count_primal_and_lanes() -> None:
    assert [StochasticTriple(lanes=lanes).evaluations for lanes in (1, 4)] == [2, 5]


def test_no_lane_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="lanes=0; it needs at least 1"):
        StochasticTriple(lanes=0)
