"""Chains on which every state has one alternative: all that their stochastic triples carry is one number a row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .chain import Chain, Moves

__all__ = ["Alternatives", "jump_rates", "single_alternatives"]

_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]
"""States, and an alternative to each."""


@dataclass(frozen=True, eq=False)
class Alternatives:
    """What becomes of the alternative when the chain moves by an outcome; one table for each of the chain's ``moves``.

    Attributes:
        survival: Probability that the alternative, coupled to the chain, does not meet it, ``[S, 2]``.
        rate: Rate of the fresh jump, ``[S, 2]``.
        gain: f(alternative) - f(state), ``[S]``; zero where there is none.
    """

    survival: tuple[NDArray[np.float64], ...]
    rate: tuple[NDArray[np.float64], ...]
    gain: NDArray[np.float64]


@lru_cache(maxsize=64)
def single_alternatives(chain: Chain) -> Alternatives | None:
    """The tables of a chain on which the alternative is a function of the state; None on another one.

    On the random walk it is two above (in p) or two below (in theta) until they meet. Then the weight W of the carried
    alternative says all: a step keeps it or loses it and adds the fresh jump's rate, for all jumps lead to the same state.
    Found once for each chain. Cost: n passes over the states.
    """
    partner = np.full(len(chain.value), -1)
    paired = np.zeros(len(partner), dtype=bool)
    for k in range(chain.steps):
        moves = chain.at(k)
        pairs = (_fresh(moves, chain.reached[k]), _carried(moves, partner, paired))
        state, other = (np.concatenate(each) for each in zip(*pairs, strict=True))
        state, other = state[state != other], other[state != other]
        contradicted = (partner[state] >= 0) & (partner[state] != other)
        partner[state] = other
        if contradicted.any() or (partner[state] != other).any():
            return None
        paired = np.zeros_like(paired)
        paired[state] = True
    survival = tuple(_survival(each, partner) for each in chain.moves)
    gain = np.where(partner >= 0, chain.value[partner] - chain.value, 0.0)
    return Alternatives(survival, tuple(jump_rates(each) for each in chain.moves), gain)


def jump_rates(moves: Moves) -> NDArray[np.float64]:
    """Rate of the one-sided jump to the other outcome, ``max(dP(other), 0) / P(outcome)``, ``[S, 2]``."""
    drawn = moves.probability > 0
    rate = moves.slope[:, ::-1].clip(min=0) / np.where(drawn, moves.probability, 1.0)
    return np.where(drawn, rate, 0.0)


def _fresh(moves: Moves, reached: NDArray[np.bool_]) -> _Pairs:
    """Where the chain arrives, and where the jump that it may start there arrives."""
    state, outcome = np.nonzero(reached[:, None] & (jump_rates(moves) > 0))
    return moves.successor[state, outcome], moves.successor[state, 1 - outcome]


def _carried(moves: Moves, partner: NDArray[np.int64], paired: NDArray[np.bool_]) -> _Pairs:
    """Where the chain arrives from the paired states, and where their alternatives may."""
    state = np.nonzero(paired)[0]
    may = (_coupling(moves, state, partner[state]) > 0) & (moves.probability[state] > 0)[:, :, None]
    row, outcome, other = np.nonzero(may)
    return moves.successor[state[row], outcome], moves.successor[partner[state[row]], other]


def _survival(moves: Moves, partner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probability, given the chain's outcome, that the alternative arrives elsewhere, ``[S, 2]``."""
    state = np.nonzero(partner >= 0)[0]
    other = partner[state]
    apart = moves.successor[other][:, None, :] != moves.successor[state][:, :, None]
    survival = np.zeros(moves.probability.shape)
    survival[state] = np.where(apart, _coupling(moves, state, other), 0.0).sum(2)
    return survival


def _coupling(moves: Moves, state: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """Maximal coupling: P(the alternative's outcome | the chain's), ``[rows, 2, 2]``; zero for an impossible condition."""
    chain, beside = moves.probability[state], moves.probability[other]
    same = np.minimum(chain, beside) / np.where(chain > 0, chain, 1.0)
    differs = np.where(chain > 0, 1.0 - same, 0.0)
    return np.stack((np.stack((same[:, 0], differs[:, 0]), 1), np.stack((differs[:, 1], same[:, 1]), 1)), 1)
