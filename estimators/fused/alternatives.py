"""The alternatives that states have: on a finite chain, stochastic triples carry a weight for each and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ..alternatives.flows import combine
from .chain import LARGEST_TABLE, Chain, Moves

__all__ = ["ONE_SIDED", "Alternatives", "Shares", "alternatives", "jump_rates", "jumps_part"]

Shares = tuple[tuple[str, float], ...]
"""A mixture of flows, as in `conditional_estimates`, that can be looked up."""

ONE_SIDED: Shares = (("one_sided", 1.0),)

_Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Alternatives:
    """The fate of the alternatives when the chain moves by an outcome; one table for each of the chain's ``moves``.

    A state's alternatives stand in slots, m of them, a power of two; slots that a state does not need stay empty.

    Attributes:
        transfer: Probability that the alternative of one slot, coupled to the chain, arrives at that of another,
            ``[S, 2, m, m]``; with what is missing to one it meets the chain.
        rate: Rate of the fresh jump to every slot of the state that is arrived at, ``[S, 2, m]``.
        gain: f(alternative) - f(state), ``[S, m]``; zero where there is none.
    """

    transfer: tuple[NDArray[np.float64], ...]
    rate: tuple[NDArray[np.float64], ...]
    gain: NDArray[np.float64]

    @property
    def slots(self) -> int:
        """The number of slots, m."""
        return int(self.gain.shape[1])


@lru_cache(maxsize=64)
def alternatives(chain: Chain, shares: Shares, most: int) -> Alternatives | None:
    """Tabulate a chain along a mixture of flows; return None if a state has more than `most` alternatives.

    On the random walk the one-sided flow has a single one, two above (in p) or two below (in theta) until they meet; other
    flows have both. Found once for each chain and mixture. Cost: n passes over the states and their alternatives.
    """
    sizes = [sum(np.abs(jump_rates(moves, ((flow, 1.0),))) for flow, _ in shares) for moves in chain.moves]
    codes = _pairs(chain, [np.asarray(each) for each in sizes], most)
    if codes is None:
        return None
    size = len(chain.value)
    state, other = np.divmod(codes, size)
    slot = np.arange(len(codes)) - np.searchsorted(state, state)
    slots = 1 << int(slot.max(initial=0)).bit_length()
    if len(chain.moves) * size * slots**2 > LARGEST_TABLE:
        return None
    gain = np.zeros((size, slots))
    gain[state, slot] = chain.value[other] - chain.value[state]
    places = _Places(codes, state, other, slot, size, slots)
    transfer = tuple(places.transfer(moves) for moves in chain.moves)
    return Alternatives(transfer, tuple(places.rate(moves, jump_rates(moves, shares)) for moves in chain.moves), gain)


def jump_rates(moves: Moves, shares: Shares = ONE_SIDED) -> NDArray[np.float64]:
    """Return the rate of the jump to the other outcome on the one-sided flow ``max(dP(other), 0) / P(outcome)``, ``[S, 2]``."""
    outcome = torch.tensor([0, 1]).repeat(len(moves.slope))
    mass, probability = (torch.from_numpy(each.repeat(2, 0).T.copy()) for each in (moves.slope, moves.probability))
    rates = combine(dict(shares), mass, probability, outcome)
    jumped = rates.gather(0, 1 - outcome.unsqueeze(0)).reshape(-1, 2).numpy()
    return np.where(moves.probability > 0, jumped, 0.0)


@lru_cache(maxsize=64)
def jumps_part(chain: Chain) -> bool:
    """Return True if no one-sided jump leads to the very state that the chain goes to."""
    return not any((jump_rates(moves)[moves.successor[:, 0] == moves.successor[:, 1]] > 0).any() for moves in chain.moves)


def _pairs(chain: Chain, sizes: list[NDArray[np.float64]], most: int) -> _Numbers | None:
    """Return the states with the alternatives that they can have at some step, as sorted ``state S + alternative``."""
    size = len(chain.value)
    pairs = alive = np.empty(0, np.int64)
    for k in range(chain.steps):
        moves, rates = chain.at(k), sizes[k if len(sizes) > 1 else 0]
        fresh, carried = _start_pairs(moves, rates, chain.reached[k]), _carry_pairs(moves, *np.divmod(alive, size))
        alive = np.unique(np.concatenate((fresh, carried)))
        alive = alive[alive // size != alive % size]
        pairs = np.union1d(pairs, alive)
        if np.bincount(pairs // size).max(initial=0) > most:
            return None
    return pairs


def _start_pairs(moves: Moves, rates: NDArray[np.float64], reached: NDArray[np.bool_]) -> _Numbers:
    """Return the pairs of the state where the chain arrives and the state where a jump that starts there arrives."""
    state, outcome = np.nonzero(reached[:, None] & (rates > 0))
    return moves.successor[state, outcome] * len(reached) + moves.successor[state, 1 - outcome]


def _carry_pairs(moves: Moves, state: _Numbers, other: _Numbers) -> _Numbers:
    """Return the pairs of states where the chain and its alternative arrive from a pair of states."""
    may = (_coupling(moves, state, other) > 0) & (moves.probability[state] > 0)[:, :, None]
    row, outcome, its = np.nonzero(may)
    return moves.successor[state[row], outcome] * len(moves.slope) + moves.successor[other[row], its]


@dataclass(frozen=True, eq=False)
class _Places:
    """The slot, in its state, of every alternative."""

    codes: _Numbers
    state: _Numbers
    other: _Numbers
    slot: _Numbers
    size: int
    slots: int

    def transfer(self, moves: Moves) -> NDArray[np.float64]:
        """Return the probability, given the chain's outcome, of every move from slot to slot, ``[S, 2, m, m]``."""
        table = np.zeros((self.size, 2, self.slots, self.slots))
        coupling = _coupling(moves, self.state, self.other)
        for outcome, its in np.ndindex(2, 2):
            known, slot = self._of(moves.successor[self.state, outcome], moves.successor[self.other, its])
            place = (self.state[known], outcome, self.slot[known], slot)
            np.add.at(table, place, coupling[known, outcome, its])
        return table

    def rate(self, moves: Moves, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the rate of the fresh jump to every slot, ``[S, 2, m]``."""
        table = np.zeros((self.size, 2, self.slots))
        state, outcome = np.nonzero(rates)
        known, slot = self._of(moves.successor[state, outcome], moves.successor[state, 1 - outcome])
        table[state[known], outcome[known], slot] = rates[state[known], outcome[known]]
        return table

    def _of(self, state: _Numbers, other: _Numbers) -> tuple[_Numbers, _Numbers]:
        """Return the numbers of the pairs that are known, and their slots."""
        code = np.where((state >= 0) & (other >= 0), state * self.size + other, -1)
        known = np.nonzero(np.isin(code, self.codes))[0]
        return known, self.slot[np.searchsorted(self.codes, code[known])]


def _coupling(moves: Moves, state: _Numbers, other: _Numbers) -> NDArray[np.float64]:
    """Return the maximal coupling P(alternative's outcome | chain's), ``[rows, 2, 2]``; zero if the condition is impossible."""
    chain, beside = moves.probability[state], moves.probability[other]
    same = np.minimum(chain, beside) / np.where(chain > 0, chain, 1.0)
    differs = np.where(chain > 0, 1.0 - same, 0.0)
    return np.stack((np.stack((same[:, 0], differs[:, 0]), 1), np.stack((differs[:, 1], same[:, 1]), 1)), 1)
