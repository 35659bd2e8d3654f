"""Flip-all: every draw of a program forced to every other outcome, on common uniforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from .alternatives.jumps import possible
from .protocol import FINITE_SITES, Claims, Program
from .runs.forced_runs import Alternatives, differentiate_forced, other_categories
from .sites.reading import FiniteSite

__all__ = ["FlipAll"]


@dataclass(frozen=True)
class FlipAll:
    """All alternatives of a program, one draw forced at a time, along the leave-one-out flow.

    ``sum_k sum_{j != x_k} (f(run with x_k forced to j) - f(run)) grad p_k(j) + grad f``, the last term at fixed outcomes.
    In the mean over x_k this is ``sum_j grad p_k(j) E[f | x_k = j]``, because the derivatives of a site's probabilities add up
    to zero. Sites after the forced one are drawn from the run's own uniforms, redrawn once given its outcomes, so that
    runs stay together where they can.

    Unbiased for any program and black-box objectives. It keeps every alternative where `StochasticTriple` keeps one.
    Cost: ``1 + sum_k (K_k - 1)`` evaluations over all elements of all sites, in one batch.

    Example:
        >>> import torch
        >>> from torch.distributions import Bernoulli
        >>> program = lambda params, sample: (sample(Bernoulli(params)) + 1) ** 3
        >>> FlipAll()(program, torch.tensor(0.3), 2, torch.Generator())
        tensor([7., 7.])

    References:
        Arya, Schauer, Schaefer and Rackauckas (2022), arXiv 2210.08572, for the alternatives; De Smet, Sansone and Zuidberg Dos
        Martires (2023), arXiv 2311.12569, for the sum over them in unchained programs.
    """

    claims: ClassVar[Claims] = Claims(bias="unbiased")
    sites: ClassVar[tuple[type, ...]] = FINITE_SITES
    evaluations: ClassVar[int | None] = None
    reference: ClassVar[str] = "Arya et al. 2022; De Smet et al. 2023"

    def __call__(
        self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator
    ) -> Float[Tensor, "{num_samples} *param"]:
        """Return replicates, ``[num_samples, *param]``."""
        return differentiate_forced(_every_other, program, params, num_samples, generator)


def _every_other(
    distribution: Distribution, site: FiniteSite, index: Tensor, leaf: Tensor, generator: torch.Generator
) -> Alternatives:
    probabilities = site.probabilities()
    others = other_categories(index, possible(probabilities, leaf))
    return Alternatives(others, probabilities.gather(-1, others.movedim(0, -1)).movedim(-1, 0))
