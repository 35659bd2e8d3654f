"""Stochastic triples on Markov programs: the alternative state walks beside the primal and is dropped when they meet."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..markov import MarkovProgram
from ..protocol import row_gradients, row_leaf
from ..runs.tape import accept, choose, draw_coupled
from ..sites.reading import FiniteSite, finite_site_of
from .dual_numbers import constant_beside, dual_number, split_dual, with_tangent
from .jumps import Jump, leave_one_out_jump, one_sided_jump

__all__ = ["carried_leave_one_out", "carried_one_sided"]


def carried_one_sided(program: MarkovProgram, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    """Differentiate with respect to a scalar parameter in forward mode; the memory does not depend on the length.

    Args:
        program: The Markov program.
        params: A scalar.
        rows: The number of replicates.
        generator: The source of randomness.

    Returns:
        Replicates, ``[rows]``.
    """
    with torch.no_grad(), forward_ad.dual_level():
        points = params.repeat(rows)
        dual = dual_number(points)
        state = program.initial(dual)
        pair = _Pair.together(split_dual(state)[0], rows, None)
        for k in range(program.num_steps):
            site, tangent = with_tangent(finite_site_of(program.site(dual, constant_beside(dual, state), k), rows))
            beside = finite_site_of(program.site(points, pair.alternative, k), rows)
            index, coupled = draw_coupled(site, beside, generator)
            jump = one_sided_jump(site, tangent, index, generator)
            state = program.step(state, constant_beside(state, site.from_index(index)), k)
            pair = pair.step_dual(program, site, index, beside.from_index(coupled), jump, split_dual(state)[0], k, generator)
        objective, direct = split_dual(program.objective(state))
        gain = (program.objective(pair.alternative) - objective) * pair.weight
        return torch.where(pair.weight > 0, gain, 0.0) + direct


def carried_leave_one_out(program: MarkovProgram, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    """Differentiate with respect to parameters of any dimension by one backward pass through the primal.

    Args:
        program: The Markov program.
        params: ``[*param]``.
        rows: The number of replicates.
        generator: The source of randomness.

    Returns:
        Replicates, ``[rows, *param]``.
    """
    leaf = row_leaf(params, rows)
    state = program.initial(leaf)
    pair = _Pair.together(state.detach(), rows, torch.full((rows,), -1, device=state.device))
    flows = []
    for k in range(program.num_steps):
        connected = finite_site_of(program.site(leaf, state, k), rows)
        with torch.no_grad():
            site = connected.detach()
            beside = finite_site_of(program.site(leaf.detach(), pair.alternative, k), rows)
            index, coupled = draw_coupled(site, beside, generator)
            jump = leave_one_out_jump(site, index, generator)
        state = program.step(state, site.from_index(index), k)
        with torch.no_grad():
            pair = pair.step_dual(program, site, index, beside.from_index(coupled), jump, state.detach(), k, generator)
        flows.append(_flow(connected, jump, pair))
    objective = program.objective(state)
    with torch.no_grad():
        gain = (program.objective(pair.alternative) - objective) * pair.weight
        gain = torch.where(pair.weight > 0, gain, 0.0)
    surrogate = objective
    for k, flow in enumerate(flows):
        surrogate = surrogate + gain * (pair.branch == k) * flow
    return row_gradients(surrogate, leaf)


@dataclass(frozen=True, eq=False)
class _Pair:
    """The alternative that each row carries.

    Attributes:
        primal: The primal state, without its derivative, ``[rows, *state]``.
        alternative: The alternative state; equal to the primal where none is carried.
        weight: W, the sum of the rates of all jumps that it stands for, ``[rows]``.
        branch: The step at which the kept jump left the primal, ``[rows]``; None if it is not needed.
        position: The element of the last step's site that jumped, ``[rows]``.
    """

    primal: Tensor
    alternative: Tensor
    weight: Tensor
    branch: Tensor | None
    position: Tensor | None

    @classmethod
    def together(cls, state: Tensor, rows: int, branch: Tensor | None) -> _Pair:
        return cls(state, state, torch.zeros(rows, dtype=state.dtype, device=state.device), branch, None)

    def step_dual(
        self,
        program: MarkovProgram,
        site: FiniteSite,
        index: Tensor,
        beside: Tensor,
        jump: Jump,
        arrived: Tensor,
        k: int,
        generator: torch.Generator,
    ) -> _Pair:
        """Carry the alternative one step, drop it where it met the primal, and let the fresh jump compete with it."""
        carried = program.step(self.alternative, beside, k)
        rate, target, position = _one_element(jump, index, generator)
        fresh = program.step(self.primal, site.from_index(target), k)
        apart = (carried != arrived).reshape(len(rate), -1).any(1) if carried.dim() > 1 else carried != arrived
        # Multiplied: on a CPU, filling or choosing by a random mask takes five times as long.
        total = self.weight * apart + rate
        take = accept(rate, total, generator)
        spread = take.reshape(-1, *(1 for _ in carried.shape[1:]))
        branch = None if self.branch is None else self.branch.masked_fill(take, k)
        return _Pair(arrived, torch.where(spread, fresh, carried), total, branch, position)


def _one_element(jump: Jump, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor | None]:
    """Choose one jumping element a row; return the sum of the rates, the index with that element replaced, and its position."""
    if jump.rate.dim() == 1:
        return jump.rate, jump.alternative, None
    rows = len(jump.rate)
    position = choose(jump.rate.reshape(rows, -1), generator).unsqueeze(1)
    target = index.reshape(rows, -1).scatter(1, position, jump.alternative.reshape(rows, -1).gather(1, position))
    return jump.rate.reshape(rows, -1).sum(1), target.reshape(index.shape), position


def _flow(site: FiniteSite, jump: Jump, pair: _Pair) -> Tensor:
    """Return ``p(j) / (rate density)`` of the element that jumped, connected to the parameters, ``[rows]``."""
    probability = site.probability(jump.alternative)
    density = jump.rate if jump.density is None else jump.rate * jump.density
    scale = torch.where(density > 0, density, 1.0).reciprocal()
    flow = (probability * scale).reshape(len(density), -1)
    return flow.squeeze(1) if pair.position is None else flow.gather(1, pair.position).squeeze(1)
