"""Exact moments of estimators that follow all alternatives of a primal path: conditional triples, and flip-all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .chain import Array, Chain, ChainError, Indices, ReplicateMoments, Tables, arrived, first_mass, moments_of
from .coupling import common_uniforms, maximal
from .flows import flow_mixture
from .walkers import Moves, apart, closed, decoded, moves, operator

__all__ = ["conditional_triple_moments", "flip_all_moments"]


def conditional_triple_moments(chain: Chain, shares: Mapping[str, float], *, lanes: int | None = None) -> ReplicateMoments:
    """Of ``sum_y W(y) (f(y) - f(X_n))``, the conditional triple along a mixture of flows.

    Given the primal's path, the weights of its alternatives move by the maximal coupling C and gain what the flow R brings:
    ``W(next(y, z')) += W(y) C(z' | z)``, ``W(next(x, z')) += R(z -> z')``; what lands on the primal's state is dropped. Carried
    are ``E[W(y) 1{X = x}]`` and ``E[W(y) W(y') 1{X = x}]``. The control variate of least variance is a mixture too.

    Cost: O(n N K^3) for N triples of states that can occur, up to four a state on a walk.

    Args:
        chain: With a scalar parameter.
        shares: How much of each flow, see `flow_mixture`; all one together.
        lanes: The most alternatives that the estimator carries a row; None for any number.

    Raises:
        ChainError: A primal can have more alternatives than lanes, so that some are dropped at random; or there are too many
            triples of states.
    """
    return _moments(chain, lambda tables: flow_mixture(tables, shares), _conditional, lanes)


def flip_all_moments(chain: Chain) -> ReplicateMoments:
    """Of flip-all: every outcome forced to every other, all runs on the primal's uniforms, along the leave-one-out flow.

    With two outcomes a step the measure-valued derivative is the same estimator.

    Raises:
        ChainError: There are too many triples of states.
    """
    return _moments(chain, lambda tables: flow_mixture(tables, {"leave_one_out": 1.0}), common_uniforms, None)


_Joint = Callable[..., Array]
"""The outcome probabilities of a primal and its alternatives, ``[N, K]`` each, in; those of the outcomes together,
``[N, K, ..., K]``, out: in the mean over whatever the estimator does not sum out."""


def _conditional(primal: Array, *beside: Array) -> Array:
    """``P(z) prod_i C_i(z_i | z)``."""
    count, outcomes = primal.shape
    joint = primal.reshape(count, outcomes, *(1 for _ in beside))
    for place, each in enumerate(beside):
        shape = (outcomes if axis == place else 1 for axis in range(len(beside)))
        joint = joint * maximal(primal, each).reshape(count, outcomes, *shape)
    return joint


def _moments(chain: Chain, flow: Callable[[Tables], Array], joint: _Joint, lanes: int | None) -> ReplicateMoments:
    states = chain.scalar().num_states
    shape = _Shape(states, flow, joint)
    pairs = closed(chain, lambda each: shape.fresh(each, 1).reached(), shape.carried_pairs)
    if lanes is not None and pairs.size and int(np.bincount(pairs // states).max()) > lanes:
        raise ChainError(f"a state can have more than lanes={lanes} alternatives, of which some are then dropped at random")
    triples = closed(chain, lambda each: shape.begun(each, pairs), shape.carried_triples)
    steps = [_Step.of(each, pairs, triples, shape) for each in chain.distinct()]
    mass, first, second = first_mass(chain), np.zeros(len(pairs)), np.zeros(len(triples))
    for k, tables in enumerate(chain.steps()):
        step = steps[0 if chain.homogeneous else k]
        moved = mass[:, None] * tables.probability
        second = step.both_carried @ second + step.one_carried @ first + step.both_fresh @ moved.reshape(-1)
        first = step.carried @ first + step.fresh @ moved.reshape(-1)
        mass = arrived(moved, tables.successor)
    x, y = decoded(pairs, states, 2)
    base, one, other = decoded(triples, states, 3)
    f = chain.objective
    return moments_of((f[y] - f[x]) @ first, ((f[one] - f[base]) * (f[other] - f[base])) @ second)


@dataclass(frozen=True, eq=False)
class _Shape:
    """How weights move from tuple to tuple, by one step's tables."""

    states: int
    flow: Callable[[Tables], Array]
    joint: _Joint

    def carried_pairs(self, tables: Tables, codes: Indices) -> Moves:
        return self._carried(tables, codes, 2)

    def carried_triples(self, tables: Tables, codes: Indices) -> Moves:
        return self._carried(tables, codes, 3)

    def _carried(self, tables: Tables, codes: Indices, width: int) -> Moves:
        columns = decoded(codes, self.states, width)
        weight = self.joint(*(tables.probability[each] for each in columns))
        return moves(weight, apart(tables.successor, columns), self.states, dropped=True)

    def fresh(self, tables: Tables, alternatives: int) -> Moves:
        """Tuples that begin with a primal's move, which is the source, ``[S K, K]`` or ``[S K, K, K]``."""
        rates = self.flow(tables)
        state = np.arange(self.states)
        weight = rates if alternatives == 1 else rates[:, :, :, None] * rates[:, :, None, :]
        made = moves(weight, apart(tables.successor, (state,) * (1 + alternatives)), self.states, dropped=True)
        sources = (rates.shape[0] * rates.shape[1], *weight.shape[2:])
        return Moves(made.weight.reshape(sources), made.target.reshape(sources))

    def joined(self, tables: Tables, pairs: Indices) -> Moves:
        """A carried alternative and a fresh one, in both orders, ``[N, 2, K, K, K]``."""
        x, y = decoded(pairs, self.states, 2)
        carried = self.joint(tables.probability[x], tables.probability[y])
        weight = carried[:, :, :, None] * self.flow(tables)[x][:, :, None, :]
        primal, one, other = apart(tables.successor, (x, y, x))
        made = [moves(weight, after, self.states, dropped=True) for after in ((primal, one, other), (primal, other, one))]
        return Moves(np.stack([each.weight for each in made], 1), np.stack([each.target for each in made], 1))

    def begun(self, tables: Tables, pairs: Indices) -> Indices:
        """The triples that hold a fresh alternative."""
        return np.concatenate((self.fresh(tables, 2).reached(), self.joined(tables, pairs).reached()))


@dataclass(frozen=True, eq=False)
class _Step:
    """One step as matrices: what stands at a triple, a pair, or a primal's move ``x K + z``, goes to pairs and triples."""

    carried: sparse.csr_matrix
    fresh: sparse.csr_matrix
    both_carried: sparse.csr_matrix
    one_carried: sparse.csr_matrix
    both_fresh: sparse.csr_matrix

    @classmethod
    def of(cls, tables: Tables, pairs: Indices, triples: Indices, shape: _Shape) -> _Step:
        return cls(
            carried=operator(shape.carried_pairs(tables, pairs), pairs),
            fresh=operator(shape.fresh(tables, 1), pairs),
            both_carried=operator(shape.carried_triples(tables, triples), triples),
            one_carried=operator(shape.joined(tables, pairs), triples),
            both_fresh=operator(shape.fresh(tables, 2), triples),
        )
