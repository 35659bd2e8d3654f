"""Finite chains as tables: the successor of every outcome of a step, its probability, and the probability's derivative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NO_OUTCOME",
    "Array",
    "Chain",
    "ChainError",
    "Indices",
    "ReplicateMoments",
    "Tables",
    "first_mass",
    "last_mass",
    "make_moments",
    "sum_arrivals",
]

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

NO_OUTCOME = -2
"""The successor of an outcome that a step does not have, where another step has more outcomes."""

_LOST = 1e-9


class ChainError(ValueError):
    """An error raised where a recursion does not apply to a chain."""


@dataclass(frozen=True, kw_only=True)
class ReplicateMoments:
    """The exact mean and the exact variance of one replicate of an estimator."""

    mean: float
    variance: float


@dataclass(frozen=True, eq=False)
class Tables:
    """One step on all states at once.

    Attributes:
        probability: The probabilities ``P(z | x)``, ``[S, K]``.
        derivative: The derivatives ``dP(z | x)``, ``[S, K]``, or ``[S, K, d]`` for a vector of parameters.
        successor: The number of the next state, ``[S, K]``; negative if it is none of the states.
    """

    probability: Array
    derivative: Array
    successor: Indices


@dataclass(frozen=True, eq=False, kw_only=True)
class Chain:
    """A Markov chain on S states with K outcomes a step.

    Tables have one leading entry a step, or a single one if all steps are alike.

    Attributes:
        num_steps: The number of steps n.
        start: The number of the first state.
        probability: The probabilities ``P_k(z | x)``, ``[n or 1, S, K]``.
        derivative: Their derivatives in the parameter, ``[n or 1, S, K]``; ``[n or 1, S, K, d]`` for a vector of parameters,
            for which only the gradient of the mean is known.
        successor: The number of the state that outcome z leads to, ``[n or 1, S, K]``; -1 if it is none of the states, and
            must not be reached; ``NO_OUTCOME`` if the step has no such outcome.
        objective: The objective f of every state, ``[S]``.

    Raises:
        ChainError: Shapes do not fit, probabilities do not add up to one, or derivatives do not add up to zero.

    Example:
        >>> import numpy as np
        >>> up = np.array([1.0, 0.5, 0.0])
        >>> chain = Chain(
        ...     num_steps=2,
        ...     start=0,
        ...     probability=np.stack([1 - up, up], -1)[None],
        ...     derivative=np.array([[[0.0, 0.0], [-1.0, 1.0], [0.0, 0.0]]]),
        ...     successor=np.array([[[0, 1], [0, 2], [2, 2]]]),
        ...     objective=np.array([0.0, 1.0, 4.0]),
        ... )
        >>> last_mass(chain)
        array([0.5, 0. , 0.5])
    """

    num_steps: int
    start: int
    probability: Array
    derivative: Array
    successor: Indices
    objective: Array

    def __post_init__(self) -> None:
        shape = self.probability.shape
        if len(shape) != 3 or shape[0] not in (1, self.num_steps) or self.objective.shape != shape[1:2]:
            raise ChainError(
                f"probability has shape {shape}, objective {self.objective.shape}; "
                f"expected [{self.num_steps} or 1, S, K] and [S]"
            )
        for name, table in (("derivative", self.derivative.shape[:3]), ("successor", self.successor.shape)):
            if table != shape:
                raise ChainError(f"{name} has shape {table}, probability {shape}; they must agree")
        if not 0 <= self.start < shape[1]:
            raise ChainError(f"start={self.start}; expected the number of one of {shape[1]} states")
        if not np.allclose(self.probability.sum(2), 1, rtol=0, atol=_LOST):
            raise ChainError("the probabilities of a state's outcomes must add up to one")
        scale = max(1.0, float(np.abs(self.derivative).max(initial=0.0)))
        if not np.allclose(self.derivative.sum(2), 0, rtol=0, atol=_LOST * scale):
            raise ChainError("the derivatives of a state's probabilities must add up to zero")

    @property
    def num_states(self) -> int:
        """The number of states S."""
        return len(self.objective)

    @property
    def homogeneous(self) -> bool:
        """True if all steps are alike."""
        return len(self.probability) == 1

    def tables(self, k: int) -> Tables:
        """Return the tables of step k."""
        at = 0 if self.homogeneous else k
        return Tables(self.probability[at], self.derivative[at], self.successor[at])

    def steps(self) -> Iterator[Tables]:
        """Yield the tables of every step."""
        return (self.tables(k) for k in range(self.num_steps))

    def distinct(self) -> Iterator[Tables]:
        """Yield the tables of every step, or once if all steps are alike."""
        return (self.tables(k) for k in range(len(self.probability)))

    def scalar(self) -> Chain:
        """Return this chain if its parameter is a scalar.

        Raises:
            ChainError: The parameter is a vector.
        """
        if self.derivative.ndim != 3:
            raise ChainError(
                f"the chain has {self.derivative.shape[-1]} parameters; a variance is known for a scalar parameter only"
            )
        return self


def sum_arrivals(moved: Array, successor: Indices) -> Array:
    """Sum moved weights over the moves that arrive at the same state.

    Args:
        moved: Weights ``[..., S, K]``, zero where the successor is none of the states.
        successor: Number of the next state ``[S, K]``.

    Returns:
        The weight that arrives at every state, ``[..., S]``.
    """
    states = len(successor)
    target = np.where(successor < 0, 0, successor).reshape(-1)
    lost = moved * (successor < 0)
    if not np.abs(lost).max(initial=0.0) <= _LOST:
        raise ChainError("the chain leaves its states with a positive probability; list every state that it can reach")
    flat = moved.reshape(-1, target.size)
    sums = [np.bincount(target, weights=each, minlength=states) for each in flat]
    return np.stack(sums).astype(np.float64).reshape(*moved.shape[:-2], states)


def last_mass(chain: Chain) -> Array:
    """Compute the probability of every state after the last step, ``[S]``."""
    mass = first_mass(chain)
    for each in chain.steps():
        mass = sum_arrivals(mass[:, None] * each.probability, each.successor)
    return mass


def first_mass(chain: Chain) -> Array:
    """Return the probability of every state before the first step, ``[S]``."""
    mass: Array = np.zeros(chain.num_states)
    mass[chain.start] = 1.0
    return mass


def make_moments(mean: Any, second: Any) -> ReplicateMoments:
    """Turn the first two moments into mean and variance; a variance that rounding made negative is zero."""
    return ReplicateMoments(mean=float(mean), variance=max(float(second - mean**2), 0.0))
