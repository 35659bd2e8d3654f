"""Forced runs: a program run again with each of its draws forced to other outcomes, one at a time, all on common uniforms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import Program, evaluate, row_gradients, row_leaf
from ..sites.reading import FiniteSite, finite_site_of
from .tape import Draw, Tape, draw, replaying

__all__ = ["Alternatives", "Propose", "differentiate_forced", "other_categories"]


@dataclass(frozen=True, eq=False)
class Alternatives:
    """Outcomes to force the elements of one site to, each element by itself.

    Attributes:
        index: A outcomes of every element, ``[A, rows, *batch]``; an element's own outcome requests nothing.
        term: The weight of the objective's gain, connected to the parameters, ``[A, rows, *batch]``.
    """

    index: Tensor
    term: Tensor


Propose = Callable[[Distribution, FiniteSite, Tensor, Tensor, torch.Generator], Alternatives]
"""A distribution, its site, the outcome drawn, the parameters' leaf and a generator, in; alternatives out."""


def differentiate_forced(propose: Propose, program: Program, params: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    """Return the gradient of ``sum term (f(forced run) - f(run)) + f`` over all alternatives of all elements of all sites.

    Sites before the forced one repeat their outcomes; later ones are drawn from the run's own uniforms, the same for all
    alternatives. Sites without a gradient are not forced. All forced runs are one batch of ``rows`` times their number.

    Args:
        propose: The alternatives of a site.
        program: The program.
        params: ``[*param]``.
        rows: The number of replicates.
        generator: The source of randomness.

    Returns:
        Replicates, ``[rows, *param]``.
    """
    leaf = row_leaf(params, rows)
    tape: Tape[FiniteSite] = Tape()
    proposals: dict[int, Alternatives] = {}

    def sample(distribution: Distribution) -> Tensor:
        site = finite_site_of(distribution, rows)
        index = draw(site, generator)
        proposal = propose(distribution, site, index, leaf, generator) if site.requires_grad else None
        if proposal is not None and len(proposal.index):
            proposals[len(tape.draws)] = proposal
        tape.draws.append(Draw(site, index))
        return site.from_index(index)

    objective = evaluate(program, leaf, sample)
    surrogate = objective
    if proposals:
        gains = _gains(proposals, tape, program, params.detach(), objective.detach(), generator)
        for proposal, gain in zip(proposals.values(), gains, strict=True):
            surrogate = surrogate + (proposal.term * gain).movedim(1, 0).reshape(rows, -1).sum(1)
    return row_gradients(surrogate, leaf)


def other_categories(index: Tensor, possible: Tensor) -> Tensor:
    """Return the K - 1 other categories of every element, with its own in place of impossible ones.

    Args:
        index: ``[rows, *batch]``.
        possible: ``[rows, *batch, K]``.

    Returns:
        ``[K - 1, rows, *batch]``.
    """
    categories = possible.shape[-1]
    own = index.long()
    shifts = torch.arange(1, categories, device=own.device).reshape(-1, *(1 for _ in own.shape))
    others = (own + shifts) % categories
    allowed = possible.gather(-1, others.movedim(0, -1)).movedim(-1, 0)
    return torch.where(allowed, others, own)


def _gains(
    proposals: dict[int, Alternatives],
    tape: Tape[FiniteSite],
    program: Program,
    params: Tensor,
    objective: Tensor,
    generator: torch.Generator,
) -> list[Tensor]:
    """Return ``f(forced run) - f(run)`` of every alternative, shaped like its index, zero at the element's own outcome."""
    rows = len(objective)
    targets = [proposal.index.reshape(*proposal.index.shape[:2], -1).movedim(2, 1) for proposal in proposals.values()]
    counts = [target.shape[0] * target.shape[1] for target in targets]
    numbers = torch.tensor(list(proposals), device=params.device).repeat_interleave(torch.tensor(counts, device=params.device))
    positions = torch.cat([torch.arange(target.shape[1], device=params.device).repeat(target.shape[0]) for target in targets])
    forced = torch.cat([target.reshape(-1, rows) for target in targets])
    copies = len(forced)
    branch, position = (each.unsqueeze(1).expand(copies, rows).reshape(-1) for each in (numbers, positions))
    with torch.no_grad():
        points = params.expand(copies * rows, *params.shape)
        sample = replaying(tape, branch, position, forced.reshape(-1), generator, copies)
        gains = (evaluate(program, points, sample).reshape(copies, rows) - objective).split(counts)
    kept = []
    for number, target, gain in zip(proposals, targets, gains, strict=True):
        own = tape.draws[number].index.reshape(rows, -1).T.long()
        change = torch.where(target == own, 0.0, gain.reshape(target.shape))
        kept.append(change.movedim(1, 2).reshape(proposals[number].index.shape))
    return kept
