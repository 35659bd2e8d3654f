"""Tables: words hold the threshold and the rows, impossible outcomes have no row of their own."""

from __future__ import annotations

import numpy as np
import torch

from gradverify.estimators.fused.alternatives import ONE_SIDED, alternatives
from gradverify.estimators.fused.chain import Chain, read_chain
from gradverify.estimators.fused.tables import tables

from .chains import CHAINS, clock, walk

HALF = np.uint64(32)
LOW = np.uint64(2**32 - 1)


def _chain(name: str) -> Chain:
    program, point = CHAINS[name]
    chain = read_chain(program, torch.tensor(point, dtype=torch.float64))
    assert chain is not None
    return chain


def test_a_word_holds_threshold_and_row() -> None:
    chain = _chain("walk")
    found = tables("forward", chain, np.float64)
    up = np.exp(-np.arange(6) / 5)
    lower = found.words[2 * 3]  # down from three, to two
    assert lower & LOW == 2 * 2
    assert lower >> HALF == np.floor(up[2] * 2.0**32)
    assert found.words[2 * 3 + 1] & LOW == 2 * 4
    assert found.start >> HALF == 2**32 - 1


def test_an_impossible_outcomes_row_is_the_possible_ones() -> None:
    """State 2 of the ring never draws 1, state 4 never draws 0."""
    chain = _chain("ring")
    found = tables("score", chain, np.float64)
    assert [int(each & LOW) // 2 for each in found.words[4:6]] == [3, 3]
    assert [int(each & LOW) // 2 for each in found.words[8:10]] == [2, 2]
    _, weight, slots = found.further
    assert slots == (0,)
    assert isinstance(weight, np.ndarray)
    assert np.isfinite(weight).all()


def test_weights_are_slopes_of_log_probabilities() -> None:
    chain = _chain("walk")
    scaled, weight, _ = tables("score", chain, np.float32).further
    assert scaled is None
    assert isinstance(weight, np.ndarray)
    assert weight.dtype == np.float32
    state, up = np.arange(1, 6), np.exp(-np.arange(1, 6) / 5)
    np.testing.assert_allclose(weight[3::2], state / 25, rtol=1e-6)
    np.testing.assert_allclose(weight[2::2], -up * state / 25 / (1 - up), rtol=1e-6)


def test_certain_survival_is_above_every_uniform_and_none_below() -> None:
    chain = _chain("walk")
    survival, rate = tables("drawn", chain, np.float64, alternatives(chain, ONE_SIDED, 1)).further
    assert isinstance(survival, np.ndarray)
    assert isinstance(rate, np.ndarray)
    assert survival[2] == 2**64 - 1  # a fall from one keeps the alternative
    assert survival[2] > np.uint64(2**32 - 1) << HALF
    assert (survival[2 * 5 :] == 0).all()  # five has no alternative


def test_slots_stand_in_a_row() -> None:
    """Row r, from slot i to slot j: number (r m + i) m + j."""
    chain = _chain("ring")
    beside = alternatives(chain, ONE_SIDED, 4)
    assert beside is not None
    moved, rate, slots = tables("averaged", chain, np.float64, beside).further
    assert isinstance(moved, np.ndarray)
    assert isinstance(rate, np.ndarray)
    assert slots == (0, 1)
    assert (moved.reshape(5, 2, 2, 2)[3] == beside.transfer[0][3]).all()
    assert (rate.reshape(5, 2, 2)[3] == beside.rate[0][3]).all()
    assert (rate.reshape(5, 2, 2)[4, 0] == beside.rate[0][4, 1]).all()  # its first outcome is impossible


def test_rows_of_steps_that_differ_follow_each_other() -> None:
    chain = read_chain(clock(3), torch.tensor(4.0, dtype=torch.float64))
    assert chain is not None
    found = tables("forward", chain, np.float64)
    size = 2 * len(chain.value)
    assert len(found.words) == 3 * size
    assert found.words[1] & LOW == size + 2  # up from zero in the first step: state one of the second step
    assert found.base == 3 * size
    assert found.words[2 * size + 3] & LOW == 3 * size + 4


def test_the_other_outcomes_words_stand_behind() -> None:
    chain = read_chain(walk(4), torch.tensor(5.0, dtype=torch.float64))
    assert chain is not None
    found = tables("paired", chain, np.float64)
    offset, _ = found.further
    rows = int(offset)
    assert len(found.words) == 2 * rows
    assert found.words[rows + 2 * 2] == found.words[2 * 2 + 1]
