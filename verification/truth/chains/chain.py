"""Finite chains as tables: where every outcome of a step leads, how likely it is, and how that moves with a parameter."""

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
    "arrived",
    "first_mass",
    "last_mass",
    "moments_of",
]

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

NO_OUTCOME = -2
"""Successor of an outcome that a step does not have, where another step has more."""

_LOST = 1e-9


class ChainError(ValueError):
    """A recursion does not apply to a chain; the message says what was found and what was expected."""


@dataclass(frozen=True, kw_only=True)
class ReplicateMoments:
    """The exact mean and the exact variance of one replicate of an estimator."""

    mean: float
    variance: float


@dataclass(frozen=True, eq=False)
class Tables:
    """One step on all states at once.

    Attributes:
        probability: ``P(z | x)``, ``[S, K]``.
        derivative: ``dP(z | x)``, ``[S, K]``, or ``[S, K, d]`` for a vector of parameters.
        successor: Number of the next state, ``[S, K]``; negative where it is none of the states.
    """

    probability: Array
    derivative: Array
    successor: Indices


@dataclass(frozen=True, eq=False, kw_only=True)
class Chain:
    """A Markov chain on S states with K outcomes a step.

    Tables have one leading entry a step, or a single one where all steps are alike.

    Attributes:
        num_steps: n.
        start: Number of the first state.
        probability: ``P_k(z | x)``, ``[n or 1, S, K]``.
        derivative: Its derivative in the parameter, ``[n or 1, S, K]``; ``[n or 1, S, K, d]`` for a vector of parameters, of
            which the mean's gradient alone is known.
        successor: Number of the state that outcome z leads to, ``[n or 1, S, K]``; -1 where it is none of the states, which
            then must not be reached; ``NO_OUTCOME`` where the step has no such outcome.
        objective: f of every state, ``[S]``.

    Raises:
        ChainError: Shapes that do not fit, probabilities that do not add up to one, or derivatives that do not add up to zero.

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
        """S."""
        return len(self.objective)

    @property
    def homogeneous(self) -> bool:
        """Whether all steps are alike."""
        return len(self.probability) == 1

    def tables(self, k: int) -> Tables:
        """The tables of step k."""
        at = 0 if self.homogeneous else k
        return Tables(self.probability[at], self.derivative[at], self.successor[at])

    def steps(self) -> Iterator[Tables]:
        """The tables of every step."""
        return (self.tables(k) for k in range(self.num_steps))

    def distinct(self) -> Iterator[Tables]:
        """The tables of every step, once where all are alike."""
        return (self.tables(k) for k in range(len(self.probability)))

    def scalar(self) -> Chain:
        """This chain, if its parameter is a scalar.

        Raises:
            ChainError: It is a vector.
        """
        if self.derivative.ndim != 3:
            raise ChainError(
                f"the chain has a vector of {self.derivative.shape[-1]} parameters; a variance is known for a scalar one"
            )
        return self


def arrived(moved: Array, successor: Indices) -> Array:
    """Sum what moved by the state that it arrives at.

    Args:
        moved: ``[..., S, K]``, zero where the successor is none of the states.
        successor: ``[S, K]``.

    Returns:
        ``[..., S]``.
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
    """Probability of every state after the last step, ``[S]``."""
    mass = first_mass(chain)
    for each in chain.steps():
        mass = arrived(mass[:, None] * each.probability, each.successor)
    return mass


def first_mass(chain: Chain) -> Array:
    """One at the first state, ``[S]``."""
    mass: Array = np.zeros(chain.num_states)
    mass[chain.start] = 1.0
    return mass


def moments_of(mean: Any, second: Any) -> ReplicateMoments:
    """From the first two moments; a variance that rounding made negative is zero."""
    return ReplicateMoments(mean=float(mean), variance=max(float(second - mean**2), 0.0))
