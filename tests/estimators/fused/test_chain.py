"""Chains read from programs: what their tables hold, and which programs have none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from gradverify.estimators import MarkovProgram, Program
from gradverify.estimators.fused.chain import read_chain

from .chains import CHAINS, clock, walk

POINT = torch.tensor(5.0, dtype=torch.float64)


def test_tables_of_the_walk() -> None:
    chain = read_chain(walk(4), POINT)
    assert chain is not None
    (moves,) = chain.moves
    state = np.arange(5)
    up = np.exp(-state / 5)
    np.testing.assert_allclose(moves.probability, np.stack((1 - up, up), 1))
    np.testing.assert_allclose(moves.slope, np.stack((-up * state / 25, up * state / 25), 1))
    assert moves.successor[1:4].tolist() == [[0, 2], [1, 3], [2, 4]]
    assert moves.successor[4, 1] == -1  # five is not among the states, and four is reached at the end alone
    assert chain.value.tolist() == [1, 4, 9, 16, 25]
    assert (chain.steps, chain.start) == (4, 0)


def test_states_are_reached_by_paths_and_alternatives() -> None:
    chain = read_chain(walk(4), POINT)
    assert chain is not None
    assert [np.nonzero(each)[0].tolist() for each in chain.reached] == [[0], [1], [0, 2], [1, 3], [0, 2, 4]]


def test_an_outcome_that_would_open_counts_as_reachable() -> None:
    program, point = CHAINS["opening"]
    chain = read_chain(program, torch.tensor(point))
    assert chain is not None
    assert chain.moves[0].probability[1].tolist() == [1, 0]
    assert np.nonzero(chain.reached[1])[0].tolist() == [0, 2]


def test_steps_that_differ_have_their_own_moves() -> None:
    chain = read_chain(clock(4), POINT)
    assert chain is not None
    assert len(chain.moves) == 4
    assert chain.at(2).probability[2, 1] == pytest.approx(np.exp(-2.6 / 5))


def test_a_chain_is_read_once() -> None:
    program = walk(4)
    assert read_chain(program, POINT) is read_chain(program, POINT.clone())
    assert read_chain(program, POINT) is not read_chain(program, POINT + 1)


def _site(of: Distribution) -> MarkovProgram:
    """The walk with another site."""
    return walk(4, lambda params, state, k: of(params, state))


REFUSED: dict[str, Program] = {
    "plain program": lambda params, sample: sample(Bernoulli(params / 10)),
    "no states": replace(walk(4), states=None),
    "no steps": replace(walk(4), num_steps=0),
    "start that moves": replace(walk(4), initial=lambda params: 0 * params),
    "start elsewhere": replace(walk(4), initial=lambda params: torch.full_like(params, 0.5, requires_grad=False)),
    "leaves its states": replace(walk(4), states=torch.arange(4.0)),
    "three categories": _site(lambda params, state: Categorical(torch.ones(len(state), 3) / 3)),
    "two elements": _site(lambda params, state: Bernoulli(torch.ones(len(state), 2) / 2)),
    "rare outcome": _site(lambda params, state: Bernoulli(1 - params * 1e-6 * state.clamp(max=1))),
    "support that shrinks": _site(lambda params, state: Bernoulli(torch.where(state < 1, 1 + 0 * state, 5 - params))),
    "invalid site": _site(lambda params, state: Bernoulli(params - state)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_programs_without_tables(name: str) -> None:
    assert read_chain(REFUSED[name], POINT) is None


def test_a_vector_of_parameters_has_no_tables() -> None:
    assert read_chain(walk(4), torch.ones(2)) is None


def test_a_certain_outcome_and_one_at_the_limit_are_fine() -> None:
    def site(params: Tensor, state: Tensor) -> Distribution:
        rise = torch.where(state == 0, torch.ones_like(state), 1 - 2.0**-16 + 0 * params)
        return Bernoulli(rise)

    assert read_chain(_site(site), POINT) is not None
