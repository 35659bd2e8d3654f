"""Single alternatives: found where every state has one, with the survival and the rates of the triples' definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gradverify.estimators import MarkovProgram
from gradverify.estimators.fused.alternatives import jump_rates, single_alternatives
from gradverify.estimators.fused.chain import Chain, read_chain

from .chains import CHAINS, walk


def _chain(program: MarkovProgram, point: float) -> Chain:
    chain = read_chain(program, torch.tensor(point, dtype=torch.float64))
    assert chain is not None
    return chain


def test_on_the_walk_it_is_two_above() -> None:
    chain = _chain(walk(10), 10.0)
    found = single_alternatives(chain)
    assert found is not None
    state = np.arange(1, 7)
    up = np.exp(-np.arange(11) / 10)
    assert found.gain[state] == pytest.approx((state + 3) ** 2 - (state + 1) ** 2)
    (survival,), (rate,) = found.survival, found.rate
    np.testing.assert_allclose(survival[state, 1], up[state + 2] / up[state])  # it must rise as well, or they meet
    np.testing.assert_allclose(survival[state, 0], 1.0)  # it falls whenever the walk does
    np.testing.assert_allclose(rate[state, 0], up[state] * state / 100 / (1 - up[state]))
    assert (rate[:, 1] == 0).all()


def test_in_theta_it_is_two_below() -> None:
    program, point = CHAINS["falling"]
    found = single_alternatives(_chain(program, point))
    assert found is not None
    assert found.gain[2:4] == pytest.approx([1 - 9, 4 - 16])


@pytest.mark.parametrize("name", ["ring", "opening"])
def test_chains_with_several(name: str) -> None:
    assert single_alternatives(_chain(*CHAINS[name])) is None


def test_steps_that_differ_have_tables_of_their_own() -> None:
    chain = _chain(*CHAINS["clock"])
    found = single_alternatives(chain)
    assert found is not None
    assert len(found.survival) == len(found.rate) == chain.steps
    assert found.survival[3][1, 1] == pytest.approx(np.exp(-2 / 4))


def test_rates_of_both_signs() -> None:
    """``max(dP(other), 0) / P(outcome)``, nothing from an outcome that is never drawn."""
    chain = _chain(*CHAINS["ring"])
    moves = chain.moves[0]
    rate = jump_rates(moves)
    assert (rate[moves.probability == 0] == 0).all()
    rising, falling = moves.slope[:, 1] > 0, moves.slope[:, 1] < 0
    np.testing.assert_allclose(rate[rising, 0], moves.slope[rising, 1] / moves.probability[rising, 0])
    np.testing.assert_allclose(rate[falling, 1], -moves.slope[falling, 1] / moves.probability[falling, 1])
    assert (rate[rising, 1] == 0).all()
    assert (rate[falling, 0] == 0).all()
    assert rising.any()
    assert falling.any()
