"""Augment, REINFORCE, swap: ARS, and merged over the swaps, ARSM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from .protocol import CATEGORICAL_SITES, Claims, NotApplicableError, Program, evaluate, row_gradients, row_leaf
from .runs.exponential_noise import exponential_like
from .runs.structure import Structure, require_unchained, structure_of
from .sites.reading import finite_site_of

__all__ = ["ARS", "ARSM"]


@dataclass(frozen=True)
class ARS:
    """Runs from one Dirichlet draw with two of its coordinates swapped.

    With pi ~ Dirichlet(1, ..., 1) and ``z^{m<->j} = argmin_i pi^{m<->j}_i / p_i``, coordinates m and j of pi swapped:
    ``(f(z^{k<->j}) - mean_m f(z^{m<->j})) (1 - K pi_j)`` for the logit of category k, j fixed, one pi an element, all elements
    swapped together. An element with fewer categories than others sits out the swaps that it does not have. Unbiased for
    independent sites. Cost: K evaluations, K the most categories of a site.

    Args:
        pivot: j, a category of every site.

    Raises:
        NotApplicableError: The pivot is negative, a site has no such category, or sites depend on earlier outcomes.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical
        >>> program = lambda params, sample: (sample(Categorical(logits=params)) + 1) ** 3
        >>> ARS(pivot=1)(program, torch.zeros(4), 5, torch.Generator()).shape
        torch.Size([5, 4])

    References:
        Yin, Yue and Zhou (2019), arXiv 1905.01413.
    """

    pivot: int = 0

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    evaluations: ClassVar[int | None] = None
    reference: ClassVar[str] = "Yin et al. 2019"

    def __post_init__(self) -> None:
        if self.pivot < 0:
            raise NotApplicableError(f"ARS: pivot={self.pivot}; it must be the number of a category")

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        structure = _independent("ARS", program, params)
        fewest = min(structure.categories(), default=self.pivot + 1)
        if self.pivot >= fewest:
            raise NotApplicableError(f"ARS: pivot={self.pivot}; a site has only {fewest} categories")
        return _average_pivots(program, params, num_samples, generator, _most(structure), (self.pivot,))


@dataclass(frozen=True)
class ARSM:
    """`ARS`, averaged over all pivots.

    ``sum_j (f(z^{k<->j}) - mean_m f(z^{m<->j})) (1/K - pi_j)`` for the logit of category k. Unbiased for independent
    sites; at K = 2 it is ARM. Cost: 1 + K (K - 1) / 2 evaluations, K the most categories of a site.

    Raises:
        NotApplicableError: Sites depend on earlier outcomes.

    Example:
        >>> import torch
        >>> from torch.distributions import Categorical
        >>> program = lambda params, sample: (sample(Categorical(logits=params)) + 1) ** 3
        >>> ARSM()(program, torch.zeros(4), 5, torch.Generator()).shape
        torch.Size([5, 4])

    References:
        Yin, Yue and Zhou (2019), arXiv 1905.01413.
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = CATEGORICAL_SITES
    evaluations: ClassVar[int | None] = None
    reference: ClassVar[str] = "Yin et al. 2019"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        most = _most(_independent("ARSM", program, params))
        return _average_pivots(program, params, num_samples, generator, most, tuple(range(most)))


def _independent(name: str, program: Program, params: Tensor) -> Structure:
    structure = structure_of(program, params)
    require_unchained(name, structure)
    return structure


def _most(structure: Structure) -> int:
    return max(structure.categories(), default=1)


def _average_pivots(
    program: Program, params: Tensor, rows: int, generator: torch.Generator, most: int, pivots: tuple[int, ...]
) -> Tensor:
    """Average ARS over the pivots.

    Args:
        program: The program, its sites independent.
        params: ``[*param]``.
        rows: The number of replicates.
        generator: The source of the Dirichlet draws.
        most: The most categories of a site.
        pivots: The categories to swap with.

    Returns:
        Replicates, ``[rows, *param]``.
    """
    swaps = sorted({(0, 0)} | {(min(m, j), max(m, j)) for m in range(most) for j in pivots if m != j})
    lane = {(m, j): swaps.index((min(m, j), max(m, j)) if m != j else (0, 0)) for m in range(most) for j in pivots}
    leaf = row_leaf(params, rows * len(swaps))
    kept: list[tuple[Tensor, Tensor]] = []

    def sample(distribution: Distribution) -> Tensor:
        site = finite_site_of(distribution, rows * len(swaps))
        # Sites are independent, so all lanes have the same probabilities; the first one's stand for all.
        probs = site.probabilities().unflatten(0, (rows, len(swaps)))[:, 0]
        dirichlet = _dirichlet(probs, generator)
        scaled = dirichlet[..., _permutations(swaps, site.num_categories, probs.device)] / probs.detach().unsqueeze(-2)
        if site.requires_grad:
            kept.append((probs, dirichlet))
        return site.from_index(scaled.argmin(-1).movedim(-1, 1).flatten(0, 1))

    objective = evaluate(program, leaf, sample).reshape(rows, len(swaps))
    surrogate = objective.mean(1)
    for probs, dirichlet in kept:
        categories = probs.shape[-1]
        used = [j for j in pivots if j < categories]
        table = objective.detach()[:, [[lane[m, j] for j in used] for m in range(categories)]]
        factor = (1 - categories * dirichlet[..., used]) / len(used)
        coefficient = torch.einsum("rkj,r...j->r...k", table - table.mean(1, keepdim=True), factor)
        known = torch.where(probs.detach() > 0, probs.detach(), 1.0)
        surrogate = surrogate + (coefficient * probs / known).reshape(rows, -1).sum(1)
    return row_gradients(surrogate, leaf).reshape(rows, len(swaps), *params.shape).sum(1)


def _dirichlet(probs: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a flat Dirichlet of the probabilities' shape; no coordinate is zero, which would make an impossible category win."""
    exponential = exponential_like(probs, generator)
    return exponential / exponential.sum(-1, keepdim=True)


def _permutations(swaps: list[tuple[int, int]], categories: int, device: torch.device) -> Tensor:
    """Return each swap as a permutation, ``[swaps, K]``; a swap of categories that a site does not have changes nothing."""
    table = torch.arange(categories).repeat(len(swaps), 1)
    for row, (m, j) in zip(table, swaps, strict=True):
        if max(m, j) < categories:
            row[m], row[j] = j, m
    return table.to(device)
