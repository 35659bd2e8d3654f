"""Bugs in estimators that run a program more than once: antithetic pairs, differences, measure-valued derivatives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ....estimators.antithetic import antithetic_bits
from ....estimators.finite_difference import difference_steps
from ....estimators.protocol import Program, evaluate
from ....estimators.runs.coupled_runs import Joint, differentiate_jointly
from ....estimators.runs.tape import sampling
from ....estimators.sites.reading import FiniteSite

__all__ = ["FaultyARMS", "FaultyDifference", "FaultyDisARM"]


@dataclass(frozen=True)
class FaultyDisARM:
    """DisARM with one fault.

    ``signed``: ``sigma(phi)`` for ``sigma(|phi|)``, wrong for negative logits only. ``shared``: one uniform for all
    coordinates, right where there is one. ``independent``: the antithetic pair weighted as if it were independent.
    """

    fault: Literal["signed", "shared", "independent"]

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        return differentiate_jointly(self._coupling, program, params, num_samples, generator, 2)

    def _coupling(self, site: FiniteSite, coupled: Tensor, generator: torch.Generator) -> Joint:
        if self.fault == "shared":
            return _share_uniform(site, generator)
        joint = antithetic_bits(site, coupled, generator)
        probs = site.probs.detach()[:, 0]
        likelier = torch.maximum(probs, 1 - probs)
        factor = probs / likelier if self.fault == "signed" else 1 / likelier
        return replace(joint, weight=joint.weight * factor.unsqueeze(1).unsqueeze(1))


def _share_uniform(site: FiniteSite, generator: torch.Generator) -> Joint:
    """Return antithetic bits of every coordinate from one uniform per row."""
    probs = site.probs.detach()
    uniform = torch.rand(len(probs), 1, *(1 for _ in probs.shape[2:]), generator=generator, dtype=site.dtype)
    index = site.index_from(torch.cat((1 - uniform, uniform), 1).expand_as(probs))
    differ = index[:, 0] != index[:, 1]
    weight = torch.maximum(probs[:, 0], 1 - probs[:, 0]) * differ
    return Joint(index, site.score_surrogate(index), weight.unsqueeze(1).unsqueeze(1))


@dataclass(frozen=True)
class FaultyARMS:
    """ARMS with the pair probability for p < 1/2 used at every p."""

    copies: int

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        return differentiate_jointly(self._coupling, program, params, num_samples, generator, self.copies)

    def _coupling(self, site: FiniteSite, coupled: Tensor, generator: torch.Generator) -> Joint:
        probs, power = site.probs.detach(), self.copies - 1
        exponential = torch.empty_like(probs).exponential_(generator=generator)
        copula = (1 - exponential / exponential.sum(1, keepdim=True)) ** power
        index = site.index_from(torch.where(probs < 0.5, copula, 1 - copula))
        first = probs[:, 0]
        excess = first - (2 * first ** (1 / power) - 1).clamp(min=0) ** power
        weight = first * (1 - first) / excess
        return Joint(index, site.score_surrogate(index), weight.unsqueeze(1).unsqueeze(1))


@dataclass(frozen=True)
class FaultyDifference:
    """Finite differences with one fault.

    ``forward``: ``(f(theta + h) - f(theta)) / h``, off by the curvature. ``half``: divided by h where it should be 2 h.
    ``independent``: the two runs do not share their uniforms; the mean is right, the variance is not.
    """

    step: float
    fault: Literal["forward", "half", "independent"]

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates; the parameter must be a scalar."""
        step = difference_steps(params, self.step)[0]
        points = torch.stack((params + step, params if self.fault == "forward" else params - step))
        with torch.no_grad():
            if self.fault == "independent":
                objective = evaluate(program, points.repeat(num_samples), sampling(2 * num_samples, generator))
                above, below = objective.reshape(num_samples, 2).unbind(1)
                return (above - below) / (2 * step)
            rows = points.repeat_interleave(num_samples)
            above, below = evaluate(program, rows, sampling(2 * num_samples, generator, 2)).reshape(2, num_samples)
            slopes: Tensor = (above - below) / step
            return slopes
