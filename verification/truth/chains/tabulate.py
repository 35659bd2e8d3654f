"""The tables of a chain, read from a Markov program that lists its states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ....estimators.markov import MarkovProgram
from ....estimators.protocol import row_leaf
from ....estimators.sites.reading import FiniteSite, finite_site_of
from .chain import NO_OUTCOME, Array, Chain, ChainError, Indices

__all__ = ["listed_states", "tabulate"]

_Table = TypeVar("_Table", Array, Indices)


def tabulate(program: MarkovProgram, params: Tensor) -> Chain:
    """Tabulate the chain of a Markov program on a finite set of numbers.

    Every site is called once for all states; equal steps are stored once. Cost: n site calls on S rows.

    Args:
        program: A program with ``states`` and one element a site.
        params: The point ``[*param]``; a scalar gives a derivative ``[n or 1, S, K]``, another shape ``[n or 1, S, K, d]``.

    Raises:
        ChainError: The program lists no states, draws several elements a step, does not start at one of its states, or starts
            at one that depends on the parameters.
    """
    params = params.detach().double().cpu()
    states = listed_states(program)
    steps = [_step(program, params, states, k) for k in range(program.num_steps)]
    # Equal steps look up their states' numbers once: it takes as long as all the rest.
    if all(a.shape == b.shape and (a == b).all() for each in steps for a, b in zip(each, steps[0], strict=True)):
        steps = steps[:1]
    probability, derivative, after = zip(*steps, strict=True)
    slope = _stack(derivative)
    return Chain(
        num_steps=program.num_steps,
        start=_start(program, params, states),
        probability=_stack(probability),
        derivative=slope[..., 0] if params.dim() == 0 else slope,
        successor=_stack([_number_states(each, states.numpy()) for each in after], NO_OUTCOME),
        objective=program.objective(states).detach().double().numpy(),
    )


def listed_states(program: MarkovProgram) -> Tensor:
    """Return all values of the program's state, ``[S]``, sorted, float64.

    Raises:
        ChainError: The program does not list them.
    """
    if program.states is None:
        raise ChainError("the program does not list its states; give MarkovProgram(states=...) for an exact recursion")
    return program.states.detach().double().cpu()


def _step(program: MarkovProgram, params: Tensor, states: Tensor, k: int) -> tuple[Array, Array, Array]:
    """Return one step's probabilities ``[S, K]``, derivatives ``[S, K, d]``, and the next state of every outcome ``[S, K]``."""
    leaf = row_leaf(params, len(states))
    site = _require_single(finite_site_of(program.site(leaf, states, k), len(states)), k)
    probability = site.probabilities().reshape(len(states), -1)
    derivative = np.zeros((*probability.shape, params.numel()))
    if probability.requires_grad:
        for outcome in range(1, probability.shape[1]):
            (slope,) = torch.autograd.grad(probability[:, outcome].sum(), leaf, retain_graph=True)
            derivative[:, outcome] = slope.reshape(len(states), -1).numpy()
            # The derivatives of a site's probabilities add up to zero.
            derivative[:, 0] -= derivative[:, outcome]
    after = [_after(program, site, states, outcome, k) for outcome in range(probability.shape[1])]
    return probability.detach().numpy(), derivative, np.stack(after, 1)


def _after(program: MarkovProgram, site: FiniteSite, states: Tensor, outcome: int, k: int) -> Array:
    """Return the state that one outcome leads to, ``[S]``."""
    value = site.from_index(torch.full((len(states),), outcome)).detach()
    state: Array = program.step(states, value, k).detach().double().numpy()
    return state


def _number_states(after: Array, states: Array) -> Indices:
    """Return the numbers of states, -1 for a state that is not listed."""
    number = np.searchsorted(states, after).clip(max=len(states) - 1)
    return np.where(states[number] == after, number, -1)


def _start(program: MarkovProgram, params: Tensor, states: Tensor) -> int:
    leaf = row_leaf(params, 1)
    initial = program.initial(leaf)
    if initial.requires_grad and any(
        each is not None and bool((each != 0).any()) for each in torch.autograd.grad(initial.sum(), leaf, allow_unused=True)
    ):
        raise ChainError("the program's first state depends on the parameters; an exact recursion needs one that does not")
    place = (states == initial.detach().reshape(()).double()).nonzero()
    if len(place) != 1:
        raise ChainError(f"the program starts at {float(initial):g}; expected one of its {len(states)} states: list it too")
    return int(place)


def _require_single(site: FiniteSite, k: int) -> FiniteSite:
    if site.shape.numel() != site.shape[0]:
        raise ChainError(f"step {k} draws {tuple(site.shape[1:])} elements a row; an exact recursion needs one")
    return site


def _stack(tables: Sequence[_Table], padding: int = 0) -> _Table:
    """Stack the tables of steps; those with fewer outcomes are padded."""
    most = max(each.shape[1] for each in tables)
    return np.stack([_pad(each, most - each.shape[1], padding) for each in tables])


def _pad(table: _Table, missing: int, padding: int) -> _Table:
    widths = [(0, missing if axis == 1 else 0) for axis in range(table.ndim)]
    return np.pad(table, widths, constant_values=padding)
