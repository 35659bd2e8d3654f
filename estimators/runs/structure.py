"""The structure of a program: its sites, and whether they depend on each other, found before an estimator samples."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from ..protocol import NotApplicableError, Program, UnsupportedSiteError, evaluate, row_gradients, row_leaf
from ..sites.reading import FiniteSite, finite_site_of

__all__ = ["Structure", "require_sites", "require_unchained", "structure_of"]

_ROWS = 32


@dataclass(frozen=True, eq=False)
class Structure:
    """The structure that a small run shows of a program.

    Attributes:
        sites: Its sites in drawing order, without their graph, each with the rows of that run.
        chained: A site's probabilities, or their derivatives, depend on earlier outcomes.
    """

    sites: tuple[FiniteSite, ...]
    chained: bool

    def categories(self) -> list[int]:
        """Return K of every element of one row, in drawing order."""
        return [site.num_categories for site in self.sites for _ in range(math.prod(site.shape[1:]))]


def structure_of(program: Program, params: Tensor) -> Structure:
    """Find a program's structure by one run of a few rows.

    The run has its own fixed randomness, so that an estimator's stream does not move. Every possible outcome is drawn with
    the same probability, so that a dependence on rare ones shows too. The derivatives of all probabilities are compared
    through one random combination: rows of an unchained program share it.

    Args:
        program: The program.
        params: ``[*param]``.

    Example:
        >>> from torch.distributions import Bernoulli
        >>> def program(params, sample):
        ...     return sample(Bernoulli(0.25 + 0.5 * sample(Bernoulli(params))))
        >>> structure_of(program, torch.tensor(0.5)).chained
        True
    """
    generator = torch.Generator(params.device).manual_seed(0)
    leaf = row_leaf(params, _ROWS)
    sites: list[FiniteSite] = []
    combined = torch.zeros(_ROWS, dtype=params.dtype, device=params.device)

    def sample(distribution: Distribution) -> Tensor:
        nonlocal combined
        site = finite_site_of(distribution, _ROWS)
        sites.append(site.detach())
        factors = torch.randn(site.probs.shape[1:], generator=generator, dtype=site.dtype, device=site.device)
        combined = combined + (site.probs * factors).reshape(_ROWS, -1).sum(1)
        return site.from_index(_any_possible(site.detach(), generator))

    with torch.enable_grad():
        evaluate(program, leaf, sample)
        derivative = row_gradients(combined, leaf)
    # One question for all sites: each question makes the host wait for a GPU.
    chained = torch.stack([_varies(each) for each in (derivative, *(site.probs for site in sites))]).any()
    return Structure(tuple(sites), bool(chained))


def require_sites(name: str, structure: Structure, kinds: Collection[type[Distribution]]) -> None:
    """Refuse a program that has a site of another kind.

    Raises:
        UnsupportedSiteError: It has one; the message names it.
    """
    for number, site in enumerate(structure.sites):
        if site.law not in kinds:
            raise UnsupportedSiteError(
                f"{name}: site {number} is {site.law.__name__} with {site.num_categories} categories; "
                f"it needs {' or '.join(each.__name__ for each in kinds)} sites"
            )


def require_unchained(name: str, structure: Structure) -> None:
    """Refuse a program whose sites depend on earlier outcomes.

    Raises:
        NotApplicableError: It is chained.
    """
    if structure.chained:
        raise NotApplicableError(
            f"{name}: the probabilities of a site depend on earlier outcomes; it needs a program whose sites are independent"
        )


def _any_possible(site: FiniteSite, generator: torch.Generator) -> Tensor:
    """Draw outcomes with equal probability from all that are possible."""
    possible = (site.probabilities() > 0).to(site.dtype)
    level = possible / possible.sum(-1, keepdim=True)
    uniform = torch.rand(site.shape, generator=generator, dtype=site.dtype, device=site.device)
    return site.with_probabilities(level).index_from(uniform)


def _varies(rows: Tensor) -> Tensor:
    """Return True if rows differ by more than rounding, against the largest entry; a boolean tensor without dimensions."""
    if not rows.numel():
        return torch.zeros((), dtype=torch.bool, device=rows.device)
    spread = (rows - rows[:1]).abs()
    return (spread > 1e3 * torch.finfo(rows.dtype).eps * rows.abs().max()).any()
