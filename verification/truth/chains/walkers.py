"""Which tuples of states, a primal's and its alternatives', a chain can be in; and one step as a sparse matrix between them.

A tuple (x, y, ...) has the code ``(x S + y) S + ...``. Alternatives stay near: on a walk a primal has two at most, however many
states there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .chain import Array, Chain, ChainError, Indices, Tables

__all__ = ["Moves", "apart", "closed", "decoded", "moves", "operator"]

MOST = 2_000_000
"""The most tuples, times outcomes, that a recursion follows."""


@dataclass(frozen=True, eq=False)
class Moves:
    """Weighted moves out of N sources.

    Attributes:
        weight: ``[N, ...]``.
        target: Code that each leads to, shaped alike; -1 for none.
    """

    weight: Array
    target: Indices

    def reached(self) -> Indices:
        """The codes that moves of a weight other than zero lead to, sorted."""
        return np.unique(self.target[(self.weight != 0) & (self.target >= 0)])


def decoded(codes: Indices, states: int, width: int) -> tuple[Indices, ...]:
    """The states of tuples, primal first, ``[N]`` each."""
    columns = []
    for _ in range(width):
        codes, state = np.divmod(codes, states)
        columns.append(state)
    return tuple(reversed(columns))


def moves(weight: Array, after: Sequence[Indices], states: int, *, dropped: bool) -> Moves:
    """Moves to tuples of given states.

    Args:
        weight: ``[N, ...]``.
        after: The states arrived at, primal first, each of a shape that broadcasts to the weight's; -1 for none.
        states: S.
        dropped: Whether a tuple ends where an alternative meets the primal.
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


def apart(successor: Indices, columns: Sequence[Indices]) -> tuple[Indices, ...]:
    """The states that the members of tuples go to, each by an outcome of its own.

    Args:
        successor: ``[S, K]``.
        columns: The states of tuples, ``[N]`` each, m of them.

    Returns:
        m arrays that broadcast to ``[N, K, ..., K]``, m times K.
    """
    width, outcomes = len(columns), successor.shape[1]
    return tuple(
        successor[each].reshape(len(each), *(outcomes if axis == place else 1 for axis in range(width)))
        for place, each in enumerate(columns)
    )


def closed(chain: Chain, seeds: Callable[[Tables], Indices], follow: Callable[[Tables, Indices], Moves]) -> Indices:
    """The codes of all tuples that can be reached, sorted.

    Args:
        chain: The chain.
        seeds: The codes that begin in a step, from its tables.
        follow: Moves of a step out of tuples with given codes.

    Raises:
        ChainError: They are too many.
    """
    distinct = list(chain.distinct())
    frontier = found = np.unique(np.concatenate([seeds(each) for each in distinct]))
    while frontier.size:
        reached = np.unique(np.concatenate([follow(each, frontier).reached() for each in distinct]))
        frontier = np.setdiff1d(reached, found, assume_unique=True)
        found = np.union1d(found, frontier)
        if found.size * chain.probability.shape[2] > MOST:
            raise ChainError(f"more than {MOST} tuples of states; exact recursions are for chains whose alternatives stay near")
    return found


def operator(made: Moves, codes: Indices) -> sparse.csr_matrix:
    """The matrix of a step from sources to the tuples listed, ``[len(codes), N]``."""
    weight, target = made.weight.reshape(-1), made.target.reshape(-1)
    kept = np.flatnonzero((weight != 0) & (target >= 0))
    source = kept // (weight.size // len(made.weight)) if len(made.weight) else kept
    row = np.searchsorted(codes, target[kept])
    return sparse.csr_matrix((weight[kept], (row, source)), shape=(len(codes), len(made.weight)))
