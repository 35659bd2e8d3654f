"""The tape: every outcome is drawn here, and can be recorded, replayed, shared and forced.

All discrete randomness of an estimator passes through `draw`, `draw_coupled`, `choose`, `accept` and the redrawn uniforms of
`replaying`: given a generator they sample by inversion, given a `BranchSource` they take every outcome in turn. The handlers
below are the sampling primitives that a program is handed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import Sample
from ..sites.reading import BernoulliSite, Site, site_of
from .branching import BranchSource

__all__ = ["Draw", "Tape", "accept", "choose", "draw", "draw_coupled", "forcing", "recording", "replaying", "sampling"]


@dataclass(frozen=True, eq=False)
class Draw:
    """One site as it was drawn: its probabilities (connected to the parameters) and the outcome."""

    site: Site
    index: Tensor


@dataclass(eq=False)
class Tape:
    """The draws of one run of a program, in the order of its sites."""

    draws: list[Draw] = field(default_factory=list)


def draw(site: Site, generator: torch.Generator, copies: int = 1) -> Tensor:
    """Draw every element of a site by inversion.

    Args:
        site: Elements ``[rows, *batch]``.
        generator: Source of one uniform an element and copy.
        copies: Groups of rows, one behind the other, that share their uniforms (common random numbers).

    Returns:
        The index, ``[rows, *batch]``.
    """
    rows, *batch = site.shape
    if isinstance(generator, BranchSource):
        return _branched(site, generator, copies)
    uniform = torch.rand(rows // copies, *batch, generator=generator, dtype=site.dtype, device=site.device, requires_grad=False)
    return site.index_from(uniform if copies == 1 else uniform.repeat(copies, *(1 for _ in batch)))


def draw_coupled(first: Site, second: Site, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw two sites of one shape from the same uniforms."""
    if isinstance(generator, BranchSource):
        uniform = generator.uniform(torch.cat((first.edges(), second.edges()), -1))
    else:
        uniform = torch.rand(first.shape, generator=generator, dtype=first.dtype, device=first.device)
    return first.index_from(uniform), second.index_from(uniform)


def choose(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one column a row in proportion to non-negative weights.

    Args:
        weights: ``[rows, columns]``; a row of zeros chooses its last column.
        generator: Source of one uniform a row.

    Returns:
        The column, ``[rows]``.
    """
    if isinstance(generator, BranchSource):
        return generator.category(weights)
    cumulative = weights.cumsum(-1)
    uniform = torch.rand(weights.shape[0], 1, generator=generator, dtype=weights.dtype, device=weights.device)
    return (uniform * cumulative[:, -1:] >= cumulative[:, :-1]).sum(-1)


def accept(weight: Tensor, total: Tensor, generator: torch.Generator) -> Tensor:
    """True with probability ``weight / total``, row by row; never where the weight is zero.

    Args:
        weight: ``[rows]``, non-negative.
        total: ``[rows]``, not below the weight.
        generator: Source of one uniform a row.

    Returns:
        A boolean, ``[rows]``.
    """
    if isinstance(generator, BranchSource):
        return generator.category(torch.stack((weight, total - weight), -1)) == 0
    uniform = torch.rand(weight.shape, generator=generator, dtype=weight.dtype, device=weight.device)
    return uniform * total < weight


def sampling(rows: int, generator: torch.Generator, copies: int = 1) -> Sample:
    """The plain primitive: fresh outcomes, no gradient through values."""

    def sample(distribution: Distribution) -> Tensor:
        site = site_of(distribution, rows)
        return site.from_index(draw(site, generator, copies))

    return sample


def recording(rows: int, generator: torch.Generator, tape: Tape) -> Sample:
    """Fresh outcomes, kept on the tape with their probabilities."""

    def sample(distribution: Distribution) -> Tensor:
        site = site_of(distribution, rows)
        index = draw(site, generator)
        tape.draws.append(Draw(site, index))
        return site.from_index(index)

    return sample


def forcing(rows: int, outcome: Callable[[int, Site], Tensor], tape: Tape) -> Sample:
    """Outcomes that are given: ``outcome(number of the site, site)`` returns the index of every element."""

    def sample(distribution: Distribution) -> Tensor:
        site = site_of(distribution, rows)
        index = outcome(len(tape.draws), site)
        tape.draws.append(Draw(site, index))
        return site.from_index(index)

    return sample


def replaying(
    tape: Tape, branch: Tensor, position: Tensor, alternative: Tensor, generator: torch.Generator, copies: int = 1
) -> Sample:
    """The recorded run with one element of one site forced, row by row.

    Sites before the branch repeat their outcomes, and so do the branch site's other elements. Later sites are coupled:
    their uniforms are redrawn given the recorded outcomes, so an undisturbed row repeats itself.

    Args:
        tape: The recorded run.
        branch: Number of each row's branch site, ``[rows]``.
        position: Which element of it is forced, ``[rows]``, counted over the flattened batch.
        alternative: The index that it is forced to, ``[rows]``.
        generator: Source of the redrawn uniforms.
        copies: Groups of rows, one behind the other, that replay the same recorded rows with the same redrawn uniforms.

    Returns:
        A sampling primitive that serves as many sites as the tape holds.
    """
    rows = branch.shape[0]
    count = 0

    def sample(distribution: Distribution) -> Tensor:
        nonlocal count
        site = site_of(distribution, rows).detach()
        index = _replayed(tape.draws[count], site, branch - count, generator, copies)
        here = branch == count
        element = torch.where(here, position, 0).unsqueeze(1)
        flat = index.reshape(rows, -1)
        forced = torch.where(here, alternative.to(flat.dtype), flat.gather(1, element).squeeze(1))
        flat = flat.scatter(1, element, forced.unsqueeze(1))
        count += 1
        return site.from_index(flat.reshape(index.shape))

    return sample


def _replayed(recorded: Draw, site: Site, ahead: Tensor, generator: torch.Generator, copies: int) -> Tensor:
    """The recorded index where the branch is here or still ahead (``>= 0``), the coupled one where it lies behind."""
    undisturbed = (ahead >= 0).reshape(-1, *(1 for _ in site.shape[1:]))
    before = recorded.site.detach()
    if isinstance(generator, BranchSource):
        fraction = _branched_fraction(before, recorded.index, site, undisturbed, generator, copies)
    else:
        fraction = torch.rand(before.shape, generator=generator, dtype=site.dtype, device=site.device)
    uniform = before.uniform_given(recorded.index, fraction)
    coupled = site.index_from(_repeated(uniform, copies))
    return torch.where(undisturbed, _repeated(recorded.index, copies), coupled)


def _branched(site: Site, source: BranchSource, copies: int) -> Tensor:
    """Every outcome of a site, or of the copies that share its uniforms."""
    if copies == 1:
        index = source.category(site.probabilities())
        return index.bool() if isinstance(site, BernoulliSite) else index
    return site.index_from(_repeated(source.uniform(_across(site.edges(), copies)), copies))


def _branched_fraction(
    before: Site, index: Tensor, site: Site, undisturbed: Tensor, source: BranchSource, copies: int
) -> Tensor:
    """Every part of the recorded category's interval on which the copies' outcomes are constant."""
    low = before.uniform_given(index, torch.zeros_like(index, dtype=site.dtype)).unsqueeze(-1)
    high = before.uniform_given(index, torch.ones_like(index, dtype=site.dtype)).unsqueeze(-1)
    # Where nothing is disturbed the outcome is the recorded one, so no cell is cut.
    edges = torch.where(undisturbed.unsqueeze(-1), 0.0, site.edges())
    return source.uniform((_across(edges, copies) - low) / (high - low))


def _across(edges: Tensor, copies: int) -> Tensor:
    """The edges of all copies side by side: ``[copies * rows, *batch, E]`` to ``[rows, *batch, copies * E]``."""
    return edges.reshape(copies, -1, *edges.shape[1:]).movedim(0, -2).flatten(-2)


def _repeated(tensor: Tensor, copies: int) -> Tensor:
    return tensor if copies == 1 else tensor.repeat(copies, *(1 for _ in tensor.shape[1:]))
