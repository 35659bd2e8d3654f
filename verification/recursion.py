"""Exact moments on finite chains: no sampling, O(n S K) operations in float64.

Carrying E[1{X = x}], its derivative, and E[A 1{X = x}], E[A^2 1{X = x}] of an estimator's accumulated weight A through the
steps gives exact means, gradients and variances.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..estimators.markov import MarkovProgram
from ..estimators.protocol import row_gradients, row_leaf
from ..estimators.sites import site_of

__all__ = [
    "ChainMoments",
    "chain_moments",
    "leave_one_out_variance",
    "rarest_outcome",
    "score_variance",
    "walk_triple_variance",
]


@dataclass(frozen=True, eq=False)
class ChainMoments:
    """The exact mean of a chain's objective and its gradient.

    Attributes:
        mean: ``E f``.
        gradient: Its gradient, ``[*param]``.
        value: f on every state, ``[S]``.
        mass: Probability of every last state, ``[S]``.
        slope: Its derivative, ``[S, d]``.
    """

    mean: float
    gradient: Tensor
    value: Tensor
    mass: Tensor
    slope: Tensor


@dataclass(frozen=True, eq=False)
class _Step:
    """One step on all states at once: move probabilities ``[S, K]``, derivatives ``[S, K, d]``, successors ``[S, K]``."""

    probability: Tensor
    derivative: Tensor
    successor: Tensor


def chain_moments(program: MarkovProgram, params: Tensor) -> ChainMoments:
    """The exact mean and gradient of a Markov program on a finite set of numbers.

    Args:
        program: One with ``states``, and one element a site.
        params: ``[*param]``.

    Returns:
        ``E f`` and its gradient ``[*param]``, float64.
    """
    params = params.detach().double()
    mass = _start(program, params)
    slope = torch.zeros(len(mass), params.numel(), dtype=torch.float64)
    for k in range(program.num_steps):
        step = _step(program, params, k)
        flow = mass[:, None, None] * step.derivative + slope[:, None, :] * step.probability[:, :, None]
        mass, slope = _arrive(step, mass[:, None] * step.probability), _arrive(step, flow)
    value = program.objective(_states(program)).double()
    return ChainMoments(float(value @ mass), (value @ slope).reshape(params.shape), value, mass, slope)


def score_variance(program: MarkovProgram, params: Tensor, baseline: float = 0.0) -> float:
    """The exact variance of ``(f - b) sum_k dlog p_k`` for a scalar parameter."""
    _, first, second, value = _score_moments(program, params)
    centred = value - baseline
    return float(centred**2 @ second - (centred @ first) ** 2)


def leave_one_out_variance(program: MarkovProgram, params: Tensor) -> float:
    """The exact variance of one leave-one-out pair (K = 2) for a scalar parameter.

    ``(E[f^2 s^2] + E[f^2] E[s^2] - 2 E[f s^2] E[f]) / 2`` with s the score of a path.
    """
    mass, _, second, value = _score_moments(program, params)
    paired = value**2 @ second + (value**2 @ mass) * second.sum() - 2 * (value @ second) * (value @ mass)
    return float(paired / 2)


def walk_triple_variance(program: MarkovProgram, params: Tensor) -> float:
    """The exact variance of the pruned triple, carried and dropped, on the random walk differentiated in p.

    There the alternative is always two above the primal. An up-move of the primal keeps it with probability q(x + 2) / q(x);
    a down-move keeps it and adds the fresh jump's rate dq / (1 - q).
    """
    params = params.detach().double()
    size = program.num_steps + 3
    states = torch.arange(size, dtype=torch.float64)
    leaf = row_leaf(params, size)
    up = site_of(program.site(leaf, states, 0), size).probs
    slope = row_gradients(up, leaf)
    up = up.detach()
    rate = torch.where(slope > 0, slope / (1 - up), 0.0)
    mass, first, second = torch.zeros(3, size, dtype=torch.float64)
    mass[0] = 1.0
    for _ in range(program.num_steps):
        above = torch.nn.functional.pad(up[2:], (0, 2))
        down = 1 - up
        fresh_first = down * (first + rate * mass)
        fresh_second = down * (second + 2 * rate * first + rate**2 * mass)
        first, second = _move(above * first, fresh_first), _move(above * second, fresh_second)
        mass = _move(up * mass, down * mass)
    gain = program.objective(states + 2) - program.objective(states)
    return float(gain**2 @ second - (gain @ first) ** 2)


def rarest_outcome(program: MarkovProgram, params: Tensor) -> float:
    """The smallest positive marginal probability of any outcome of any step."""
    params = params.detach().double()
    mass = _start(program, params)
    rarest = 1.0
    for k in range(program.num_steps):
        step = _step(program, params, k)
        outcomes = mass @ step.probability
        rarest = min(rarest, float(outcomes[outcomes > 0].min()))
        mass = _arrive(step, mass[:, None] * step.probability)
    return rarest


def _score_moments(program: MarkovProgram, params: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """``E[1{X = x}]``, ``E[s 1{X = x}]``, ``E[s^2 1{X = x}]`` at the end, and f(x)."""
    params = params.detach().double()
    mass = _start(program, params)
    first, second = torch.zeros_like(mass), torch.zeros_like(mass)
    for k in range(program.num_steps):
        step = _step(program, params, k)
        score = torch.where(step.probability > 0, step.derivative.squeeze(-1) / step.probability, 0.0)
        moved = [each[:, None] * step.probability for each in (mass, first, second)]
        mass, first, second = (
            _arrive(step, moved[0]),
            _arrive(step, moved[1] + score * moved[0]),
            _arrive(step, moved[2] + 2 * score * moved[1] + score**2 * moved[0]),
        )
    return mass, first, second, program.objective(_states(program)).double()


def _states(program: MarkovProgram) -> Tensor:
    if program.states is None:
        raise ValueError("the program does not list its states; give MarkovProgram(states=...) for an exact recursion")
    return program.states.detach().double().cpu()


def _start(program: MarkovProgram, params: Tensor) -> Tensor:
    initial = program.initial(params.unsqueeze(0)).detach().reshape(()).double()
    return (_states(program) == initial).double()


def _step(program: MarkovProgram, params: Tensor, k: int) -> _Step:
    states = _states(program)
    leaf = row_leaf(params, len(states))
    site = site_of(program.site(leaf, states, k), len(states))
    probability = site.probabilities()
    derivative, successor = [], []
    for category in range(site.num_categories):
        derivative.append(_slope(probability[:, category], leaf))
        value = site.from_index(torch.full((len(states),), category))
        successor.append(torch.searchsorted(states, program.step(states, value.detach(), k)).clamp(max=len(states) - 1))
    return _Step(probability.detach(), torch.stack(derivative, 1), torch.stack(successor, 1))


def _slope(column: Tensor, leaf: Tensor) -> Tensor:
    """Derivative of one move's probability on every state, ``[S, d]``."""
    if not column.requires_grad:
        return torch.zeros(len(leaf), leaf[0].numel(), dtype=leaf.dtype)
    (slope,) = torch.autograd.grad(column.sum(), leaf, retain_graph=True)
    return slope.reshape(len(leaf), -1)


def _arrive(step: _Step, moved: Tensor) -> Tensor:
    """Sum what moved ``[S, K, ...]`` by the state it arrives at, ``[S, ...]``."""
    arrived = moved.new_zeros(moved.shape[0], *moved.shape[2:])
    return arrived.index_add(0, step.successor.reshape(-1), moved.reshape(-1, *moved.shape[2:]))


def _move(rising: Tensor, falling: Tensor) -> Tensor:
    """What rose by one plus what fell by one."""
    return torch.nn.functional.pad(rising[:-1], (1, 0)) + torch.nn.functional.pad(falling[1:], (0, 1))
