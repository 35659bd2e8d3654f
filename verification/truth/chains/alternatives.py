"""Exact moments of estimators that follow all alternatives of a primal path: conditional triples, and flip-all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .chain import Array, Chain, ChainError, Indices, ReplicateMoments, Tables, first_mass, make_moments, sum_arrivals
from .coupling import couple_by_uniforms, couple_maximally
from .flows import flow_mixture
from .walkers import Moves, build_operator, decode, find_tuples, make_moves, move_members

__all__ = ["conditional_triple_moments", "flip_all_moments"]


def conditional_triple_moments(chain: Chain, shares: Mapping[str, float], *, lanes: int | None = None) -> ReplicateMoments:
    """Compute the moments of ``sum_y W(y) (f(y) - f(X_n))``, the conditional triple along a mixture of flows.

    Given the primal's path, the weights of its alternatives move by the maximal coupling C, and the flow R adds to them:
    ``W(next(y, z')) += W(y) C(z' | z)``, ``W(next(x, z')) += R(z -> z')``; weight on the primal's state is dropped.
    The recursion carries ``E[W(y) 1{X = x}]`` and ``E[W(y) W(y') 1{X = x}]``. The control variate of least variance is a
    mixture too.

    Cost: O(n N K^3) for N triples of states that can occur, up to four a state on a walk.

    Args:
        chain: A chain with a scalar parameter.
        shares: The share of each flow, see `flow_mixture`; the shares sum to one.
        lanes: The largest number of alternatives that the estimator carries a row; None for any number.

    Raises:
        ChainError: A primal can have more alternatives than lanes, so that some are dropped at random; or there are too many
            triples of states.
    """
    return _moments(chain, lambda tables: flow_mixture(tables, shares), _conditional, lanes)


def flip_all_moments(chain: Chain) -> ReplicateMoments:
    """Compute the moments of flip-all, which forces every outcome to every other, all runs on the primal's uniforms.

    Its flow is the leave-one-out flow. With two outcomes a step, the measure-valued derivative is the same estimator.

    Raises:
        ChainError: There are too many triples of states.
    """
    return _moments(chain, lambda tables: flow_mixture(tables, {"leave_one_out": 1.0}), couple_by_uniforms, None)


_Joint = Callable[..., Array]
"""A function from the outcome probabilities of a primal and its alternatives, ``[N, K]`` each, to the joint probabilities of
their outcomes, ``[N, K, ..., K]``, averaged over all that the estimator does not sum out."""


def _conditional(primal: Array, *beside: Array) -> Array:
    """Return ``P(z) prod_i C_i(z_i | z)``."""
    count, outcomes = primal.shape
    joint = primal.reshape(count, outcomes, *(1 for _ in beside))
    for place, each in enumerate(beside):
        shape = (outcomes if axis == place else 1 for axis in range(len(beside)))
        joint = joint * couple_maximally(primal, each).reshape(count, outcomes, *shape)
    return joint


def _moments(chain: Chain, flow: Callable[[Tables], Array], joint: _Joint, lanes: int | None) -> ReplicateMoments:
    states = chain.scalar().num_states
    shape = _Shape(states, flow, joint)
    pairs = find_tuples(chain, lambda each: shape.fresh(each, 1).reached_states(), shape.carry_pairs)
    if lanes is not None and pairs.size and int(np.bincount(pairs // states).max()) > lanes:
        raise ChainError(f"lanes={lanes}, and a state can have more alternatives, of which some are then dropped at random")
    triples = find_tuples(chain, lambda each: shape.new_triples(each, pairs), shape.carry_triples)
    steps = [_Step.of(each, pairs, triples, shape) for each in chain.distinct()]
    mass, first, second = first_mass(chain), np.zeros(len(pairs)), np.zeros(len(triples))
    for k, tables in enumerate(chain.steps()):
        step = steps[0 if chain.homogeneous else k]
        moved = mass[:, None] * tables.probability
        second = step.both_carried @ second + step.one_carried @ first + step.both_fresh @ moved.reshape(-1)
        first = step.carried @ first + step.fresh @ moved.reshape(-1)
        mass = sum_arrivals(moved, tables.successor)
    x, y = decode(pairs, states, 2)
    base, one, other = decode(triples, states, 3)
    f = chain.objective
    return make_moments((f[y] - f[x]) @ first, ((f[one] - f[base]) * (f[other] - f[base])) @ second)


@dataclass(frozen=True, eq=False)
class _Shape:
    """The moves of weights from tuple to tuple, by one step's tables."""

    states: int
    flow: Callable[[Tables], Array]
    joint: _Joint

    def carry_pairs(self, tables: Tables, codes: Indices) -> Moves:
        return self._carry(tables, codes, 2)

    def carry_triples(self, tables: Tables, codes: Indices) -> Moves:
        return self._carry(tables, codes, 3)

    def _carry(self, tables: Tables, codes: Indices, width: int) -> Moves:
        columns = decode(codes, self.states, width)
        weight = self.joint(*(tables.probability[each] for each in columns))
        return make_moves(weight, move_members(tables.successor, columns), self.states, dropped=True)

    def fresh(self, tables: Tables, alternatives: int) -> Moves:
        """Make the moves from a primal's move, the source, to new tuples, ``[S K, K]`` or ``[S K, K, K]``."""
        rates = self.flow(tables)
        state = np.arange(self.states)
        weight = rates if alternatives == 1 else rates[:, :, :, None] * rates[:, :, None, :]
        made = make_moves(weight, move_members(tables.successor, (state,) * (1 + alternatives)), self.states, dropped=True)
        sources = (rates.shape[0] * rates.shape[1], *weight.shape[2:])
        return Moves(made.weight.reshape(sources), made.target.reshape(sources))

    def join(self, tables: Tables, pairs: Indices) -> Moves:
        """Make the moves to a carried alternative and a fresh one, in both orders, ``[N, 2, K, K, K]``."""
        x, y = decode(pairs, self.states, 2)
        carried = self.joint(tables.probability[x], tables.probability[y])
        weight = carried[:, :, :, None] * self.flow(tables)[x][:, :, None, :]
        primal, one, other = move_members(tables.successor, (x, y, x))
        made = [make_moves(weight, after, self.states, dropped=True) for after in ((primal, one, other), (primal, other, one))]
        return Moves(np.stack([each.weight for each in made], 1), np.stack([each.target for each in made], 1))

    def new_triples(self, tables: Tables, pairs: Indices) -> Indices:
        """Return the triples that hold a fresh alternative."""
        return np.concatenate((self.fresh(tables, 2).reached_states(), self.join(tables, pairs).reached_states()))


@dataclass(frozen=True, eq=False)
class _Step:
    """One step as matrices from triples, pairs and primal's moves ``x K + z`` to pairs and triples."""

    carried: sparse.csr_matrix
    fresh: sparse.csr_matrix
    both_carried: sparse.csr_matrix
    one_carried: sparse.csr_matrix
    both_fresh: sparse.csr_matrix

    @classmethod
    def of(cls, tables: Tables, pairs: Indices, triples: Indices, shape: _Shape) -> _Step:
        return cls(
            carried=build_operator(shape.carry_pairs(tables, pairs), pairs),
            fresh=build_operator(shape.fresh(tables, 1), pairs),
            both_carried=build_operator(shape.carry_triples(tables, triples), triples),
            one_carried=build_operator(shape.join(tables, pairs), triples),
            both_fresh=build_operator(shape.fresh(tables, 2), triples),
        )
