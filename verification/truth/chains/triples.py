"""Exact moments of the pruned stochastic triple on finite chains: the recursion carries the alternative and its weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .chain import Array, Chain, Indices, ReplicateMoments, Tables, first_mass, make_moments, sum_arrivals
from .coupling import couple_by_uniforms
from .flows import inversion_jumps
from .walkers import Moves, build_operator, decode, find_tuples, make_moves, move_members

__all__ = ["pruned_triple_moments"]


def pruned_triple_moments(chain: Chain, *, dead_weight: bool = False) -> ReplicateMoments:
    """Compute the moments of ``W (f(Y_n) - f(X_n))``, with one alternative Y and the sum W of the rates that it stands for.

    Primal and alternative move on common uniforms. A step offers a fresh jump at rate r, which is taken with probability
    ``r / (W + r)``; W becomes ``W + r`` either way. Let ``A = E[W 1{X = x, Y = y}]`` and ``B = E[W^2 1{X = x, Y = y}]``. A
    carried alternative adds A to A and ``B + r A`` to B; a fresh one adds ``r P(x)`` to A and ``r (r P(x) + sum_y A)`` to B.

    Cost: O(n N K^2) for N pairs of states that can occur, two to four a state on a walk.

    Args:
        chain: A chain with a scalar parameter.
        dead_weight: Keep the weight of alternatives that met the primal, as a triple does that cannot see them meet;
            otherwise it is dropped.

    Raises:
        ChainError: There are too many pairs of states.

    References:
        Arya, Schauer, Schaefer and Rackauckas (2022), arXiv 2210.08572.
    """
    states = chain.scalar().num_states

    def follow(tables: Tables, codes: Indices) -> Moves:
        return _carry(tables, codes, states, dropped=not dead_weight)

    codes = find_tuples(chain, lambda tables: _begin(tables, inversion_jumps(tables), states).reached_states(), follow)
    steps = [_Step.of(each, codes, states, dropped=not dead_weight) for each in chain.distinct()]
    mass, (first, second) = first_mass(chain), np.zeros((2, len(codes)))
    for k, tables in enumerate(chain.steps()):
        step = steps[0 if chain.homogeneous else k]
        moved = mass[:, None] * tables.probability
        flow = moved.reshape(-1)
        offered = step.rate * flow + step.alive @ first
        first, second = step.carry @ first + step.fresh @ flow, step.carry @ second + step.grow @ first + step.fresh @ offered
        mass = sum_arrivals(moved, tables.successor)
    x, y = decode(codes, states, 2)
    gain = chain.objective[y] - chain.objective[x]
    return make_moments(gain @ first, gain**2 @ second)


@dataclass(frozen=True, eq=False)
class _Step:
    """One step between pairs of states; a primal's move has the number ``x K + z``.

    Attributes:
        carry: The matrix that carries A and B, ``[pairs, pairs]``.
        grow: The matrix ``carry`` times the rate r that the primal's move offers.
        alive: The matrix from A to the primal's moves, ``[moves, pairs]``.
        fresh: The rates R from the primal's moves, ``[pairs, moves]``.
        rate: The rate r of the primal's moves, ``[moves]``.
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
        carried = _carry(tables, codes, states, dropped=dropped)
        x, _ = decode(codes, states, 2)
        outcomes = rate.shape[1]
        move = np.broadcast_to((x[:, None] * outcomes + np.arange(outcomes))[:, :, None], carried.weight.shape)
        survivors = Moves(carried.weight, np.where(carried.target < 0, -1, move))
        return cls(
            carry=build_operator(carried, codes),
            grow=build_operator(Moves(carried.weight * rate[x][:, :, None], carried.target), codes),
            alive=build_operator(survivors, np.arange(rate.size)),
            fresh=build_operator(_merge_moves(_begin(tables, rates, states)), codes),
            rate=rate.reshape(-1),
        )


def _carry(tables: Tables, codes: Indices, states: int, *, dropped: bool) -> Moves:
    """Make the moves of pairs on common uniforms, ``[N, K, K]``."""
    columns = decode(codes, states, 2)
    joint = couple_by_uniforms(*(tables.probability[each] for each in columns))
    return make_moves(joint, move_members(tables.successor, columns), states, dropped=dropped)


def _begin(tables: Tables, rates: Array, states: int) -> Moves:
    """Make the moves to pairs that begin with a primal's move z and its alternative's z', ``[S, K, K]``."""
    state = np.arange(states)
    return make_moves(rates, move_members(tables.successor, (state, state)), states, dropped=False)


def _merge_moves(made: Moves) -> Moves:
    """Merge state and outcome into one source."""
    sources = made.weight.shape[0] * made.weight.shape[1]
    return Moves(made.weight.reshape(sources, -1), made.target.reshape(sources, -1))
