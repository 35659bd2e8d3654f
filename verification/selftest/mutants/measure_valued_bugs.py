"""Bugs in measure-valued derivatives: phases that are not those of the law."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from ....estimators.protocol import Program
from ....estimators.runs.forced_runs import Alternatives, differentiate_forced
from ....estimators.runs.tape import draw
from ....estimators.sites.reading import FiniteSite

__all__ = ["ShiftedGeometric"]


@dataclass(frozen=True)
class ShiftedGeometric:
    """The measure-valued derivative of a geometric law that counts from 0, with the phase of one that counts from 1.

    It computes ``dp / p (f(x) - f(x + y))``, but ``f(x + y + 1)`` is meant.
    """

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        return differentiate_forced(_phases, program, params, num_samples, generator)


def _phases(
    distribution: Distribution, site: FiniteSite, index: Tensor, leaf: Tensor, generator: torch.Generator
) -> Alternatives:
    other = index + draw(site.detach(), generator)
    rate = distribution.probs  # type: ignore[attr-defined]
    return Alternatives(other.unsqueeze(0), (-rate / rate.detach()).unsqueeze(0))
