"""The tape: every outcome is drawn here, and can be recorded, replayed, shared and forced.

All discrete randomness of an estimator passes through `draw`, `draw_coupled`, `choose`, `accept` and the redrawn uniforms of
`replaying`: given a generator they sample by inversion, given a `BranchSource` they take every outcome in turn. The handlers
below are the sampling primitives that a program is handed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import NotApplicableError, Sample
from ..sites.reading import finite_site_of, site_of
from ..sites.site import FiniteSite, Site, is_finite
from .branching import BranchSource

__all__ = [
    "Draw",
    "Tape",
    "accept",
    "choose",
    "draw",
    "draw_coupled",
    "forcing",
    "own_value",
    "recording",
    "replaying",
    "sampling",
]


SiteT = TypeVar("SiteT", bound=Site)
"""The kind of sites on a tape: all laws, or finite ones alone."""


@dataclass(frozen=True, eq=False)
class Draw(Generic[SiteT]):
    """One site as it was drawn.

    Attributes:
        site: The site, connected to the parameters.
        index: The outcome: an index of a finite site, else the value.
    """

    site: SiteT
    index: Tensor


@dataclass(eq=False)
class Tape(Generic[SiteT]):
    """The draws of one run of a program, in the order of its sites."""

    draws: list[Draw[SiteT]] = field(default_factory=list)


def draw(site: Site, generator: torch.Generator, copies: int = 1) -> Tensor:
    """Draw every element of a site by inversion.

    Args:
        site: Elements ``[rows, *batch]``.
        generator: The source of one uniform an element and copy.
        copies: Groups of rows, one behind the other, that share their uniforms (common random numbers).

    Returns:
        The outcome: the index, ``[rows, *batch]``, of a finite site, else the value.
    """
    rows, *elements = site.shape
    if isinstance(generator, BranchSource):
        return _branch_index(site, generator, copies)
    elements += site.uniform_shape
    uniform = torch.rand(
        rows // copies, *elements, generator=generator, dtype=site.dtype, device=site.device, requires_grad=False
    )
    return site.draw(uniform if copies == 1 else uniform.repeat(copies, *(1 for _ in elements)))


def draw_coupled(first: FiniteSite, second: FiniteSite, generator: torch.Generator) -> tuple[Tensor, Tensor]:
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
        generator: The source of one uniform a row.

    Returns:
        The column, ``[rows]``.
    """
    if isinstance(generator, BranchSource):
        return generator.category(weights)
    cumulative = weights.cumsum(-1)
    uniform = torch.rand(weights.shape[0], 1, generator=generator, dtype=weights.dtype, device=weights.device)
    return (uniform * cumulative[:, -1:] >= cumulative[:, :-1]).sum(-1)


def accept(weight: Tensor, total: Tensor, generator: torch.Generator) -> Tensor:
    """Return True with probability ``weight / total``, row by row; never if the weight is zero.

    Args:
        weight: ``[rows]``, non-negative.
        total: ``[rows]``, not below the weight.
        generator: The source of one uniform a row.

    Returns:
        A boolean, ``[rows]``.
    """
    if isinstance(generator, BranchSource):
        return generator.category(torch.stack((weight, total - weight), -1)) == 0
    uniform = torch.rand(weight.shape, generator=generator, dtype=weight.dtype, device=weight.device)
    return uniform * total < weight


def sampling(rows: int, generator: torch.Generator, copies: int = 1) -> Sample:
    """Make the plain primitive: fresh outcomes of any law, no gradient through values."""

    def sample(distribution: Distribution) -> Tensor:
        site = site_of(distribution, rows)
        return site.value(draw(site, generator, copies))

    return sample


@overload
def recording(rows: int, generator: torch.Generator, tape: Tape[Site]) -> Sample: ...
@overload
def recording(
    rows: int, generator: torch.Generator, tape: Tape[SiteT], read: Callable[[Distribution, int | None], SiteT]
) -> Sample: ...
def recording(
    rows: int, generator: torch.Generator, tape: Tape[Any], read: Callable[[Distribution, int | None], Any] = site_of
) -> Sample:
    """Make a primitive that draws fresh outcomes and keeps them on the tape with their sites.

    Args:
        rows: The number of rows.
        generator: The source of the outcomes.
        tape: The tape to write on.
        read: The reader of sites; `finite_site_of` refuses a law whose outcomes cannot be listed.
    """

    def sample(distribution: Distribution) -> Tensor:
        site = read(distribution, rows)
        index = draw(site, generator)
        tape.draws.append(Draw(site, index))
        return own_value(site, index)

    return sample


def own_value(site: Any, index: Tensor) -> Tensor:
    """Return the value of an outcome as a tensor that the program may write into: the tape keeps its own."""
    value: Tensor = site.value(index)
    return value.clone() if value is index else value


@overload
def forcing(rows: int, outcome: Callable[[int, Site], Tensor], tape: Tape[Site]) -> Sample: ...
@overload
def forcing(
    rows: int,
    outcome: Callable[[int, SiteT], Tensor],
    tape: Tape[SiteT],
    read: Callable[[Distribution, int | None], SiteT],
) -> Sample: ...
def forcing(
    rows: int,
    outcome: Callable[[int, Any], Tensor],
    tape: Tape[Any],
    read: Callable[[Distribution, int | None], Any] = site_of,
) -> Sample:
    """Make a primitive whose outcomes are given: ``outcome(number of the site, site)`` returns that of every element.

    Arguments are those of `recording`.
    """

    def sample(distribution: Distribution) -> Tensor:
        site = read(distribution, rows)
        index = outcome(len(tape.draws), site)
        tape.draws.append(Draw(site, index))
        return own_value(site, index)

    return sample


def replaying(
    tape: Tape[FiniteSite], branch: Tensor, position: Tensor, alternative: Tensor, generator: torch.Generator, copies: int = 1
) -> Sample:
    """Make a primitive that repeats the recorded run with one element of one site forced, row by row.

    Sites before the branch repeat their outcomes, and so do the branch site's other elements. Later sites are coupled:
    their uniforms are redrawn given the recorded outcomes, so an undisturbed row repeats itself.

    Args:
        tape: The recorded run.
        branch: Number of each row's branch site, ``[rows]``.
        position: The element of it that is forced, ``[rows]``, counted over the flattened batch.
        alternative: The index that it is forced to, ``[rows]``.
        generator: The source of the redrawn uniforms.
        copies: Groups of rows, one behind the other, that replay the same recorded rows with the same redrawn uniforms.

    Returns:
        A sampling primitive that serves as many sites as the tape holds.
    """
    rows = branch.shape[0]
    count = 0

    def sample(distribution: Distribution) -> Tensor:
        nonlocal count
        site = finite_site_of(distribution, rows).detach()
        index = _replay_index(tape.draws[count], site, branch - count, generator, copies)
        here = branch == count
        element = torch.where(here, position, 0).unsqueeze(1)
        flat = index.reshape(rows, -1)
        forced = torch.where(here, alternative.to(flat.dtype), flat.gather(1, element).squeeze(1))
        flat = flat.scatter(1, element, forced.unsqueeze(1))
        count += 1
        return site.from_index(flat.reshape(index.shape))

    return sample


def _replay_index(
    recorded: Draw[FiniteSite], site: FiniteSite, ahead: Tensor, generator: torch.Generator, copies: int
) -> Tensor:
    """Return the recorded index where the branch is here or still ahead (``>= 0``), the coupled one where it lies behind."""
    undisturbed = (ahead >= 0).reshape(-1, *(1 for _ in site.shape[1:]))
    before = recorded.site.detach()
    if isinstance(generator, BranchSource):
        fraction = _branch_fraction(before, recorded.index, site, undisturbed, generator, copies)
    else:
        fraction = torch.rand(before.shape, generator=generator, dtype=site.dtype, device=site.device)
    uniform = before.uniform_given(recorded.index, fraction)
    coupled = site.index_from(_repeat(uniform, copies))
    return torch.where(undisturbed, _repeat(recorded.index, copies), coupled)


def _branch_index(site: Site, source: BranchSource, copies: int) -> Tensor:
    """Take every outcome of a site, or of the copies that share its uniforms."""
    if not is_finite(site):
        raise NotApplicableError(
            f"exact mode: a {type(site).__name__} has no finite list of outcomes; use sampling, or a program of finite sites"
        )
    if copies == 1:
        index = source.category(site.probabilities())
        return index.bool() if site.boolean else index
    return site.index_from(_repeat(source.uniform(_across(site.edges(), copies)), copies))


def _branch_fraction(
    before: FiniteSite, index: Tensor, site: FiniteSite, undisturbed: Tensor, source: BranchSource, copies: int
) -> Tensor:
    """Take every part of the recorded category's interval on which the copies' outcomes are constant."""
    low = before.uniform_given(index, torch.zeros_like(index, dtype=site.dtype)).unsqueeze(-1)
    high = before.uniform_given(index, torch.ones_like(index, dtype=site.dtype)).unsqueeze(-1)
    # Where nothing is disturbed the outcome is the recorded one, so no cell is cut.
    edges = torch.where(undisturbed.unsqueeze(-1), 0.0, site.edges())
    return source.uniform((_across(edges, copies) - low) / (high - low))


def _across(edges: Tensor, copies: int) -> Tensor:
    """Put the edges of all copies side by side: ``[copies * rows, *batch, E]`` to ``[rows, *batch, copies * E]``."""
    return edges.reshape(copies, -1, *edges.shape[1:]).movedim(0, -2).flatten(-2)


def _repeat(tensor: Tensor, copies: int) -> Tensor:
    return tensor if copies == 1 else tensor.repeat(copies, *(1 for _ in tensor.shape[1:]))
