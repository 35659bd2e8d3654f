"""Finite chains of two outcomes a step, read from a Markov program into tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..markov import MarkovProgram
from ..protocol import Program, row_gradients, row_leaf
from ..sites.reading import finite_site_of

__all__ = ["LARGEST_TABLE", "Chain", "Moves", "read_chain"]

LEAST_PROBABILITY = 2.0**-16
"""Thresholds of 32 bits misstate a probability by up to 2^-32: by less than 2^-16 of itself, if it is not below this."""

LARGEST_TABLE = 2**24


@dataclass(frozen=True, eq=False)
class Moves:
    """One step on every state.

    Attributes:
        probability: P(outcome), ``[S, 2]``.
        slope: dP(outcome) in the parameter, ``[S, 2]``.
        successor: Number of the state that an outcome leads to, ``[S, 2]``; -1 where it is not among the states.
    """

    probability: NDArray[np.float64]
    slope: NDArray[np.float64]
    successor: NDArray[np.int64]

    @property
    def possible(self) -> NDArray[np.bool_]:
        """The outcomes that are drawn, or would be if the parameter were a little different, ``[S, 2]``."""
        return np.asarray((self.probability > 0) | (self.slope != 0))

    def equals(self, other: Moves) -> bool:
        """Return True if the two hold the same numbers."""
        pairs = ((self.probability, other.probability), (self.slope, other.slope), (self.successor, other.successor))
        return all(np.array_equal(own, its, equal_nan=True) for own, its in pairs)


@dataclass(frozen=True, eq=False)
class Chain:
    """A Markov program on S numbers that draws one of two outcomes, 0 or 1, a step, and has a scalar parameter.

    Attributes:
        steps: n.
        start: Number of the first state.
        moves: One for each step, or a single one that all steps share.
        value: The objective on every state, ``[S]``.
        reached: States that the chain, or an alternative to it, can be in before step k and at the end, ``[n + 1, S]``.
    """

    steps: int
    start: int
    moves: tuple[Moves, ...]
    value: NDArray[np.float64]
    reached: NDArray[np.bool_]

    def at(self, step: int) -> Moves:
        """Return the moves of a step."""
        return self.moves[step if len(self.moves) > 1 else 0]


def read_chain(program: Program, params: Tensor) -> Chain | None:
    """Tabulate a program, or return None if a kernel could not walk it.

    A program has them if it is a `MarkovProgram` with ``states`` and a start that does not depend on its scalar parameter, if
    its sites have two categories and one element, and if no reachable outcome is rarer than 2^-16 without being impossible.
    They are read once for each program and point. Cost: n evaluations of the site and of the step on all states.

    Args:
        program: Any program.
        params: Its parameter.
    """
    if not isinstance(program, MarkovProgram) or program.states is None or params.dim() > 0:
        return None
    if program.num_steps < 1 or program.num_steps * len(program.states) > LARGEST_TABLE:
        return None
    return _read_cached(program, float(params), params.device)


@lru_cache(maxsize=64)
def _read_cached(program: MarkovProgram, point: float, device: torch.device) -> Chain | None:
    try:
        return _tabulate(program, torch.tensor(point, dtype=torch.float64, device=device))
    except ValueError:  # this package, or the validation of PyTorch, refuses a site on some state
        return None


def _tabulate(program: MarkovProgram, params: Tensor) -> Chain | None:
    assert program.states is not None
    states = program.states.detach().double().to(params.device)
    initial = program.initial(row_leaf(params, 1))
    start = (states == initial.detach()).nonzero().flatten().tolist()
    if initial.requires_grad or len(start) != 1:
        return None
    reached = np.zeros((program.num_steps + 1, len(states)), dtype=bool)
    reached[0, start] = True
    moves: list[Moves] = []
    for k in range(program.num_steps):
        step = _moves(program, params, states, k)
        if step is None or not _walkable(step, reached[k]):
            return None
        reached[k + 1, step.successor[reached[k]][step.possible[reached[k]]]] = True
        moves.append(moves[0] if moves and step.equals(moves[0]) else step)
    shared = all(each is moves[0] for each in moves)
    value = np.asarray(program.objective(states).detach().double().cpu())
    return Chain(program.num_steps, start[0], tuple(moves[:1] if shared else moves), value, reached)


def _moves(program: MarkovProgram, params: Tensor, states: Tensor, k: int) -> Moves | None:
    leaf = row_leaf(params, len(states))
    site = finite_site_of(program.site(leaf, states, k), len(states))
    if site.num_categories != 2 or site.shape.numel() != len(states):
        return None
    probability = site.probabilities().reshape(-1, 2)
    rise = row_gradients(probability[:, 1], leaf)
    outcomes = (torch.full(site.shape, each, device=states.device) for each in (0, 1))
    target = torch.stack([program.step(states, site.detach().from_index(each), k) for each in outcomes], 1)
    nearest = torch.searchsorted(states, target).clamp(max=len(states) - 1)
    successor = torch.where(states[nearest] == target, nearest, -1)
    tables = (probability.detach().double(), torch.stack((-rise, rise), 1), successor)
    return Moves(*(np.asarray(each.cpu()) for each in tables))


def _walkable(moves: Moves, reached: NDArray[np.bool_]) -> bool:
    """Return True if a kernel can take this step from every state that is reached."""
    probability, slope = moves.probability[reached], moves.slope[reached]
    known = bool((moves.successor[reached][moves.possible[reached]] >= 0).all())
    frequent = bool(((probability == 0) | (probability >= LEAST_PROBABILITY)).all())
    # An impossible outcome may become possible as the parameter grows; one that becomes "less than impossible" is clipped.
    opening = bool(np.isfinite(slope).all() and (slope[probability == 0] >= 0).all())
    return known and frequent and opening
