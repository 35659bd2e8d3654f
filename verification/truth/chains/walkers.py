"""Tuples of a primal's and its alternatives' states that a chain can reach, and steps as sparse matrices between them.

A tuple (x, y, ...) has the code ``(x S + y) S + ...``. Alternatives stay near: on a walk a primal has at most two, however many
states there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .chain import Array, Chain, ChainError, Indices, Tables

__all__ = ["Moves", "build_operator", "decode", "find_tuples", "make_moves", "move_members"]

MOST = 2_000_000
"""The largest number of tuples, times outcomes, that a recursion follows."""


@dataclass(frozen=True, eq=False)
class Moves:
    """Weighted moves out of N sources.

    Attributes:
        weight: Weight of each move, ``[N, ...]``.
        target: Code of the tuple that each move leads to, of the same shape; -1 for none.
    """

    weight: Array
    target: Indices

    def reached_states(self) -> Indices:
        """Return the codes that moves of nonzero weight lead to, sorted."""
        return np.unique(self.target[(self.weight != 0) & (self.target >= 0)])


def decode(codes: Indices, states: int, width: int) -> tuple[Indices, ...]:
    """Decode tuples into their states, primal first, ``[N]`` each."""
    columns = []
    for _ in range(width):
        codes, state = np.divmod(codes, states)
        columns.append(state)
    return tuple(reversed(columns))


def make_moves(weight: Array, after: Sequence[Indices], states: int, *, dropped: bool) -> Moves:
    """Make moves to tuples of given states.

    Args:
        weight: Weight of each move, ``[N, ...]``.
        after: The states after the move, primal first, each of a shape that broadcasts to the weight's; -1 for none.
        states: The number of states S.
        dropped: True if a tuple ends where an alternative meets the primal.
    """
    code: Indices = np.zeros(weight.shape, dtype=np.int64)
    outside = np.zeros(weight.shape, dtype=bool)
    for each in after:
        code = code * states + each
        outside |= each < 0
    if dropped:
        for each in after[1:]:
            outside |= each == after[0]
    return Moves(weight, np.where(outside, -1, code))


def move_members(successor: Indices, columns: Sequence[Indices]) -> tuple[Indices, ...]:
    """Return the states that the members of tuples move to, each by an outcome of its own.

    Args:
        successor: Number of the next state ``[S, K]``.
        columns: The states of the m members of tuples, ``[N]`` each.

    Returns:
        m arrays that broadcast to ``[N, K, ..., K]``, m times K.
    """
    width, outcomes = len(columns), successor.shape[1]
    return tuple(
        successor[each].reshape(len(each), *(outcomes if axis == place else 1 for axis in range(width)))
        for place, each in enumerate(columns)
    )


def find_tuples(chain: Chain, seeds: Callable[[Tables], Indices], follow: Callable[[Tables, Indices], Moves]) -> Indices:
    """Find all tuples that can be reached and return their codes, sorted.

    Args:
        chain: The chain.
        seeds: Function from the tables of a step to the codes that begin in it.
        follow: Function from a step's tables and codes to the moves out of these tuples.

    Raises:
        ChainError: There are too many tuples.
    """
    distinct = list(chain.distinct())
    frontier = found = np.unique(np.concatenate([seeds(each) for each in distinct]))
    while frontier.size:
        reached = np.unique(np.concatenate([follow(each, frontier).reached_states() for each in distinct]))
        frontier = np.setdiff1d(reached, found, assume_unique=True)
        found = np.union1d(found, frontier)
        if found.size * chain.probability.shape[2] > MOST:
            raise ChainError(f"more than {MOST} tuples of states; exact recursions are for chains whose alternatives stay near")
    return found


def build_operator(made: Moves, codes: Indices) -> sparse.csr_matrix:
    """Build the matrix of a step from sources to the listed tuples, ``[len(codes), N]``."""
    weight, target = made.weight.reshape(-1), made.target.reshape(-1)
    kept = np.flatnonzero((weight != 0) & (target >= 0))
    source = kept // (weight.size // len(made.weight)) if len(made.weight) else kept
    row = np.searchsorted(codes, target[kept])
    return sparse.csr_matrix((weight[kept], (row, source)), shape=(len(codes), len(made.weight)))
