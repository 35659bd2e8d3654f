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
from .flows import combine, flow_rates
from .jumps import possible
from .lanes import Lanes, Moves, advance

__all__ = ["Shares", "conditional_estimates"]

Shares = dict[str, float]
"""A mixture of flows: the share of each; the shares sum to one."""


@dataclass(frozen=True, eq=False)
class _Step:
    """One step of the primal: what the flow is applied to, ``[K, rows]``, P, the outcome, and what the lanes did."""

    mass: Tensor
    probabilities: Tensor
    index: Tensor
    moves: Moves


_Reading = Callable[[FiniteSite], tuple[FiniteSite, Tensor, Tensor]]
"""A function from a site as the program made it to the site without derivatives, the mass that flows are applied to, and the
size that every category can have, ``[K, rows]`` each."""


def conditional_estimates(
    mixtures: list[Shares], program: Program, params: Tensor, rows: int, limit: int, generator: torch.Generator
) -> list[Tensor]:
    """Return the conditional triple's estimates along several mixtures of flows, all from one set of paths.

    Args:
        mixtures: The flows that each estimate follows; only a scalar parameter has a one-sided flow.
        program: A Markov program that draws one element a step.
        params: ``[*param]``.
        rows: The number of replicates.
        limit: The most lanes.
        generator: The source of randomness.

    Returns:
        ``[rows, *param]`` for each mixture.

    Raises:
        NotApplicableError: The program is another one.
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
        surrogate = _accumulate(shares, gains, steps) + objective
        if not surrogate.requires_grad:
            gradients.append(torch.zeros_like(leaf, requires_grad=False))
            continue
        (gradient,) = torch.autograd.grad(surrogate.sum(), leaf, retain_graph=len(mixtures) > 1)
        gradients.append(gradient)
    return gradients


def _forward(
    mixtures: list[Shares], program: MarkovProgram, params: Tensor, rows: int, limit: int, generator: torch.Generator
) -> list[Tensor]:
    """Estimate for a scalar parameter: dP comes from forward mode, because the one-sided flow needs its sign."""
    with torch.no_grad(), forward_ad.dual_level():
        points = dual_number(params.repeat(rows))
        objective, gains, steps = _walk(program, params, points, rows, mixtures, _tangent_reading, limit, generator)
        direct = split_dual(objective)[1]
        return [_accumulate(shares, gains, steps) + direct for shares in mixtures]


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
    """Walk the paths; return the objective with its own derivative, the lanes' gains ``[lanes, rows]``, and the steps."""
    flows = sorted({each for shares in mixtures for each in shares})
    state = program.initial(points)
    lanes = Lanes.none(_strip_derivatives(state))
    steps = []
    for k in range(program.num_steps):
        site, mass, size = read(
            _require_single(finite_site_of(program.site(points, constant_beside(points, state), k), rows), k)
        )
        departed = _strip_derivatives(state)
        with torch.no_grad():
            index = draw(site, generator)
        state = program.step(state, constant_beside(state, site.from_index(index)), k)
        with torch.no_grad():
            drawn = index.reshape(rows).long()
            probabilities = site.probabilities().reshape(rows, -1).T
            weight = torch.stack([flow_rates(flow, size, probabilities, drawn).abs() for flow in flows]).sum(0)
            lanes, moves = advance(
                program, params, lanes, site, drawn, weight, departed, _strip_derivatives(state), k, limit, generator
            )
        steps.append(_Step(mass, probabilities, drawn, moves))
    objective = program.objective(state)
    with torch.no_grad():
        return objective, lanes.gains(program, _strip_derivatives(objective)), steps


def _accumulate(shares: Shares, gains: Tensor, steps: list[_Step]) -> Tensor:
    """Return ``sum_k sum_{z'} R_k(z_k -> z') D_{k+1}(next(X_k, z'))``, ``[rows]``."""
    value = gains
    total = gains.new_zeros(gains.shape[1])
    for step in reversed(steps):
        alternatives, value = step.moves.pull_back(value)
        rates = combine(shares, step.mass, step.probabilities, step.index)
        total = total + (rates * alternatives[: len(rates)]).sum(0)
    return total


def _tangent_reading(site: FiniteSite) -> tuple[FiniteSite, Tensor, Tensor]:
    """Read a site in forward mode: flows are applied to dP, which also gives the size of a category."""
    tangent = split_dual(site.probabilities())[1]
    tangent = tangent.reshape(len(tangent), -1).T
    return site.with_probs(_strip_derivatives(site.probs)), tangent, tangent


def _graph_reading(leaf: Tensor) -> _Reading:
    """Return a reader for reverse mode: flows are applied to P with its graph."""

    def read(site: FiniteSite) -> tuple[FiniteSite, Tensor, Tensor]:
        connected = site.probabilities().reshape(len(leaf), -1)
        size = connected.detach()
        if not site.requires_grad:
            return site, size.T, torch.zeros_like(size).T
        # Any positive size will do for a category of probability zero that the parameters can open.
        size = size + (size == 0) * possible(connected, leaf) * torch.finfo(size.dtype).eps
        return site.detach(), connected.T, size.T

    return read


def _require_single(site: FiniteSite, k: int) -> FiniteSite:
    """Return the site if a row draws one element from it; refuse it otherwise."""
    if site.shape.numel() != site.shape[0]:
        raise NotApplicableError(
            f"conditional triple: step {k} draws {tuple(site.shape[1:])} elements a row; expected one (draw them in steps of "
            "their own, or use StochasticTriple)"
        )
    return site


def _strip_derivatives(tensor: Tensor) -> Tensor:
    """Return the tensor without a derivative of either mode."""
    return split_dual(tensor)[0].detach()
