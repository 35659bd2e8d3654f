"""Estimates that condition on a Markov program's primal path: its alternatives in lanes, their values pulled back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..markov import MarkovProgram
from ..protocol import NotApplicableError, Program, row_leaf
from ..runs.tape import draw
from ..sites.reading import FiniteSite, finite_site_of
from .dual_numbers import constant_beside, dual_number, split_dual
from .flows import combined, flow_rates
from .jumps import possible
from .lanes import Lanes, Moves, advanced

__all__ = ["Shares", "conditional_estimates"]

Shares = dict[str, float]
"""A mixture of flows: how much of each, in all one."""


@dataclass(frozen=True, eq=False)
class _Step:
    """One step of the primal: what the flow is applied to, ``[K, rows]``, P, the outcome, and what the lanes did."""

    mass: Tensor
    probabilities: Tensor
    index: Tensor
    moves: Moves


_Reading = Callable[[FiniteSite], tuple[FiniteSite, Tensor, Tensor]]
"""A site as the program made it, in; without derivatives, with what flows are applied to, and with how much every category can
count, ``[K, rows]`` each, out."""


def conditional_estimates(
    mixtures: list[Shares], program: Program, params: Tensor, rows: int, limit: int, generator: torch.Generator
) -> list[Tensor]:
    """The conditional triple's estimates along several mixtures of flows, all from one set of paths.

    Args:
        mixtures: What each estimate follows; only a scalar parameter has a one-sided flow.
        program: A Markov program that draws one element a step.
        params: ``[*param]``.
        rows: Number of replicates.
        limit: The most lanes.
        generator: Source of randomness.

    Returns:
        ``[rows, *param]`` for each mixture.

    Raises:
        NotApplicableError: Another program.
    """
    if not isinstance(program, MarkovProgram):
        raise NotApplicableError(
            f"conditional triple: the program is a {type(program).__name__}; expected a MarkovProgram, whose state shows when "
            "two runs meet (a plain program can use StochasticTriple)"
        )
    params = params.detach()
    if params.dim() == 0:
        return _forward(mixtures, program, params, rows, limit, generator)
    leaf = row_leaf(params, rows)
    objective, gains, steps = _walk(program, params, leaf, rows, mixtures, _graph_reading(leaf), limit, generator)
    gradients = []
    for shares in mixtures:
        surrogate = _accumulated(shares, gains, steps) + objective
        if not surrogate.requires_grad:
            gradients.append(torch.zeros_like(leaf, requires_grad=False))
            continue
        (gradient,) = torch.autograd.grad(surrogate.sum(), leaf, retain_graph=len(mixtures) > 1)
        gradients.append(gradient)
    return gradients


def _forward(
    mixtures: list[Shares], program: MarkovProgram, params: Tensor, rows: int, limit: int, generator: torch.Generator
) -> list[Tensor]:
    """For a scalar parameter: dP by forward mode, whose sign the one-sided flow needs."""
    with torch.no_grad(), forward_ad.dual_level():
        points = dual_number(params.repeat(rows))
        objective, gains, steps = _walk(program, params, points, rows, mixtures, _tangent_reading, limit, generator)
        direct = split_dual(objective)[1]
        return [_accumulated(shares, gains, steps) + direct for shares in mixtures]


def _walk(
    program: MarkovProgram,
    params: Tensor,
    points: Tensor,
    rows: int,
    mixtures: list[Shares],
    read: _Reading,
    limit: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, list[_Step]]:
    """The objective with its own derivative, the lanes' gains ``[lanes, rows]``, and the steps."""
    flows = sorted({each for shares in mixtures for each in shares})
    state = program.initial(points)
    lanes = Lanes.none(_plain(state))
    steps = []
    for k in range(program.num_steps):
        site, mass, size = read(_single(finite_site_of(program.site(points, constant_beside(points, state), k), rows), k))
        departed = _plain(state)
        with torch.no_grad():
            index = draw(site, generator)
        state = program.step(state, constant_beside(state, site.from_index(index)), k)
        with torch.no_grad():
            drawn = index.reshape(rows).long()
            probabilities = site.probabilities().reshape(rows, -1).T
            weight = torch.stack([flow_rates(each, size, probabilities, drawn).abs() for each in flows]).sum(0)
            lanes, moves = advanced(program, params, lanes, site, drawn, weight, departed, _plain(state), k, limit, generator)
        steps.append(_Step(mass, probabilities, drawn, moves))
    objective = program.objective(state)
    with torch.no_grad():
        return objective, lanes.gains(program, _plain(objective)), steps


def _accumulated(shares: Shares, gains: Tensor, steps: list[_Step]) -> Tensor:
    """``sum_k sum_{z'} R_k(z_k -> z') D_{k+1}(next(X_k, z'))``, ``[rows]``."""
    value = gains
    total = gains.new_zeros(gains.shape[1])
    for step in reversed(steps):
        alternatives, value = step.moves.pulled(value)
        rates = combined(shares, step.mass, step.probabilities, step.index)
        total = total + (rates * alternatives[: len(rates)]).sum(0)
    return total


def _tangent_reading(site: FiniteSite) -> tuple[FiniteSite, Tensor, Tensor]:
    """Under forward mode: dP is what flows are applied to, and says how much a category counts."""
    tangent = split_dual(site.probabilities())[1]
    tangent = tangent.reshape(len(tangent), -1).T
    return site.with_probs(_plain(site.probs)), tangent, tangent


def _graph_reading(leaf: Tensor) -> _Reading:
    """In reverse mode: flows are applied to P with its graph."""

    def read(site: FiniteSite) -> tuple[FiniteSite, Tensor, Tensor]:
        connected = site.probabilities().reshape(len(leaf), -1)
        size = connected.detach()
        if not site.requires_grad:
            return site, size.T, torch.zeros_like(size).T
        # Any positive size will do for a category of probability zero that the parameters can open.
        size = size + (size == 0) * possible(connected, leaf) * torch.finfo(size.dtype).eps
        return site.detach(), connected.T, size.T

    return read


def _single(site: FiniteSite, k: int) -> FiniteSite:
    """The site, if a row draws one element from it."""
    if site.shape.numel() != site.shape[0]:
        raise NotApplicableError(
            f"conditional triple: step {k} draws {tuple(site.shape[1:])} elements a row; expected one (draw them in steps of "
            "their own, or use StochasticTriple)"
        )
    return site


def _plain(tensor: Tensor) -> Tensor:
    """Without a derivative of either kind."""
    return split_dual(tensor)[0].detach()
