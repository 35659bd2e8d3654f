"""Alternatives: every state's are found, with the survival and the rates of the triples' definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gradverify.estimators import MarkovProgram
from gradverify.estimators.fused.alternatives import ONE_SIDED, alternatives, jump_rates, jumps_part
from gradverify.estimators.fused.chain import Chain, read_chain

from .chains import CHAINS, walk


def _chain(program: MarkovProgram, point: float) -> Chain:
    chain = read_chain(program, torch.tensor(point, dtype=torch.float64))
    assert chain is not None
    return chain


def test_on_the_walk_it_is_two_above() -> None:
    chain = _chain(walk(10), 10.0)
    found = alternatives(chain, ONE_SIDED, 1)
    assert found is not None
    state = np.arange(1, 7)
    up = np.exp(-np.arange(11) / 10)
    assert found.gain[state, 0] == pytest.approx((state + 3) ** 2 - (state + 1) ** 2)
    survival, rate = found.transfer[0][:, :, 0, 0], found.rate[0][:, :, 0]
    np.testing.assert_allclose(survival[state, 1], up[state + 2] / up[state])  # it must rise as well, or they meet
    np.testing.assert_allclose(survival[state, 0], 1.0)  # it falls whenever the walk does
    np.testing.assert_allclose(rate[state, 0], up[state] * state / 100 / (1 - up[state]))
    assert (rate[:, 1] == 0).all()


def test_in_theta_it_is_two_below() -> None:
    program, point = CHAINS["falling"]
    found = alternatives(_chain(program, point), ONE_SIDED, 1)
    assert found is not None
    assert found.gain[2:4, 0] == pytest.approx([1 - 9, 4 - 16])


@pytest.mark.parametrize(("name", "most"), [("ring", 2), ("opening", 2), ("sink", 4)])
def test_chains_with_several(name: str, most: int) -> None:
    """As many slots as states have alternatives, and none fewer will do."""
    chain = _chain(*CHAINS[name])
    found = alternatives(chain, ONE_SIDED, most)
    assert found is not None
    assert found.slots == most
    assert alternatives(chain, ONE_SIDED, most - 1) is None


def test_along_a_flow_to_both_sides_the_walk_has_two() -> None:
    """Two below and two above; what is carried stays on its side or meets the chain."""
    chain = _chain(walk(10), 10.0)
    found = alternatives(chain, (("leave_one_out", 1.0),), 2)
    assert found is not None
    (transfer,), (rate,) = found.transfer, found.rate
    up, slope = chain.moves[0].probability[:, 1], chain.moves[0].slope[:, 1]
    np.testing.assert_allclose(found.gain[4], [3**2 - 5**2, 7**2 - 5**2])
    np.testing.assert_allclose(transfer[4, 1], np.diag([1.0, up[6] / up[4]]))
    np.testing.assert_allclose(transfer[4, 0], np.diag([(1 - up[2]) / (1 - up[4]), 1.0]))
    np.testing.assert_allclose(rate[4], [[0.0, slope[4]], [-slope[4], 0.0]])


def test_a_mixture_is_carried_wherever_one_of_its_flows_goes() -> None:
    """A share of zero counts, as it does for the lanes of the estimator itself."""
    chain = _chain(walk(10), 10.0)
    shares = (("leave_one_out", 0.0), ("upward", 1.0))
    assert alternatives(chain, shares, 1) is None
    found, alone = alternatives(chain, shares, 2), alternatives(chain, (("upward", 1.0),), 1)
    assert found is not None
    assert alone is not None
    assert found.rate[0][4, 0, 1] == alone.rate[0][4, 0, 0] > 0
    assert found.rate[0][4, 1].tolist() == [0, 0]


@pytest.mark.parametrize("name", CHAINS)
def test_what_is_carried_arrives_or_meets(name: str) -> None:
    """Out of every slot goes a probability of one or less, and of exactly one where all outcomes of the two differ."""
    found = alternatives(_chain(*CHAINS[name]), ONE_SIDED, 4)
    assert found is not None
    for each in found.transfer:
        assert (each >= 0).all()
        assert (each.sum(3) <= 1 + 1e-12).all()


@pytest.mark.parametrize(("name", "state"), [("sink", 2), ("funnel", 1)])
def test_a_jump_to_where_the_chain_goes_is_none(name: str, state: int) -> None:
    """From that state both outcomes lead to the same, and the alternative that is carried there already gets no share."""
    chain = _chain(*CHAINS[name])
    found = alternatives(chain, ONE_SIDED, 4)
    assert found is not None
    assert not jumps_part(chain)
    assert (jump_rates(chain.moves[0])[state] > 0).any()
    assert (found.rate[0][state] == 0).all()
    assert jumps_part(_chain(*CHAINS["ring"]))


def test_steps_that_differ_have_tables_of_their_own() -> None:
    chain = _chain(*CHAINS["clock"])
    found = alternatives(chain, ONE_SIDED, 1)
    assert found is not None
    assert len(found.transfer) == len(found.rate) == chain.steps
    assert found.transfer[3][1, 1, 0, 0] == pytest.approx(np.exp(-2 / 4))


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
