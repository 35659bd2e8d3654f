"""Exact moments of the pruned stochastic triple on finite chains: the weight carried with primal and alternative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .chain import Array, Chain, Indices, ReplicateMoments, Tables, arrived, first_mass, moments_of
from .coupling import common_uniforms
from .flows import inversion_jumps
from .walkers import Moves, apart, closed, decoded, moves, operator

__all__ = ["pruned_triple_moments"]


def pruned_triple_moments(chain: Chain, *, dead_weight: bool = False) -> ReplicateMoments:
    """Of the triple that keeps one alternative Y and the sum W of the rates that it stands for: ``W (f(Y_n) - f(X_n))``.

    Primal and alternative move on common uniforms. A step offers a fresh jump at rate r, which is taken with probability
    ``r / (W + r)``; W becomes ``W + r`` either way. Hence with ``A = E[W 1{X = x, Y = y}]`` and ``B = E[W^2 1{X = x, Y = y}]``:
    what is carried adds A to A and ``B + r A`` to B, what is fresh adds ``r P(x)`` to A and ``r (r P(x) + sum_y A)`` to B.

    Cost: O(n N K^2) for N pairs of states that can occur, two to four a state on a walk.

    Args:
        chain: With a scalar parameter.
        dead_weight: Keep the weight of alternatives that met the primal, as a triple does that cannot see them meet; they
            are dropped else.

    Raises:
        ChainError: Too many pairs of states.

    References:
        Arya, Schauer, Schaefer and Rackauckas (2022), arXiv 2210.08572.
    """
    states = chain.scalar().num_states

    def follow(tables: Tables, codes: Indices) -> Moves:
        return _carried(tables, codes, states, dropped=not dead_weight)

    codes = closed(chain, lambda tables: _fresh(tables, inversion_jumps(tables), states).reached(), follow)
    steps = [_Step.of(each, codes, states, dropped=not dead_weight) for each in chain.distinct()]
    mass, (first, second) = first_mass(chain), np.zeros((2, len(codes)))
    for k, tables in enumerate(chain.steps()):
        step = steps[0 if chain.homogeneous else k]
        moved = mass[:, None] * tables.probability
        flow = moved.reshape(-1)
        offered = step.rate * flow + step.alive @ first
        first, second = step.carry @ first + step.fresh @ flow, step.carry @ second + step.grow @ first + step.fresh @ offered
        mass = arrived(moved, tables.successor)
    x, y = decoded(codes, states, 2)
    gain = chain.objective[y] - chain.objective[x]
    return moments_of(gain @ first, gain**2 @ second)


@dataclass(frozen=True, eq=False)
class _Step:
    """One step between pairs of states; a primal's move is numbered ``x K + z``.

    Attributes:
        carry: Of A and B, ``[pairs, pairs]``.
        grow: The same times the rate r that the primal's move offers.
        alive: A by the primal's move, ``[moves, pairs]``.
        fresh: R from the primal's move, ``[pairs, moves]``.
        rate: r of the primal's move, ``[moves]``.
    """

    carry: sparse.csr_matrix
    grow: sparse.csr_matrix
    alive: sparse.csr_matrix
    fresh: sparse.csr_matrix
    rate: Array

    @classmethod
    def of(cls, tables: Tables, codes: Indices, states: int, *, dropped: bool) -> _Step:
        rates = inversion_jumps(tables)
        rate = rates.sum(2)
        carried = _carried(tables, codes, states, dropped=dropped)
        x, _ = decoded(codes, states, 2)
        outcomes = rate.shape[1]
        move = np.broadcast_to((x[:, None] * outcomes + np.arange(outcomes))[:, :, None], carried.weight.shape)
        survivors = Moves(carried.weight, np.where(carried.target < 0, -1, move))
        return cls(
            carry=operator(carried, codes),
            grow=operator(Moves(carried.weight * rate[x][:, :, None], carried.target), codes),
            alive=operator(survivors, np.arange(rate.size)),
            fresh=operator(_by_move(_fresh(tables, rates, states)), codes),
            rate=rate.reshape(-1),
        )


def _carried(tables: Tables, codes: Indices, states: int, *, dropped: bool) -> Moves:
    """How pairs move on common uniforms, ``[N, K, K]``."""
    columns = decoded(codes, states, 2)
    joint = common_uniforms(*(tables.probability[each] for each in columns))
    return moves(joint, apart(tables.successor, columns), states, dropped=dropped)


def _fresh(tables: Tables, rates: Array, states: int) -> Moves:
    """Pairs that begin with a primal's move z and its alternative's z', ``[S, K, K]``."""
    state = np.arange(states)
    return moves(rates, apart(tables.successor, (state, state)), states, dropped=False)


def _by_move(made: Moves) -> Moves:
    """The same, with state and outcome as one source."""
    sources = made.weight.shape[0] * made.weight.shape[1]
    return Moves(made.weight.reshape(sources, -1), made.target.reshape(sources, -1))
