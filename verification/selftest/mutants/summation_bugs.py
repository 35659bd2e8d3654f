"""Bugs in estimators that sum some outcomes and draw the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ....estimators.protocol import Program
from ....estimators.runs.outcomes import joint_outcomes
from ....estimators.runs.tape import choose

__all__ = ["FaultySumAndSample"]

_LIMIT = 256


@dataclass(frozen=True)
class FaultySumAndSample:
    """The most probable outcome summed and one of the rest drawn, with one fault.

    ``unweighted``: the remainder's probability left out. ``overlapping``: the remainder drawn from all outcomes.
    ``truncated``: nothing drawn, the remainder dropped.
    """

    top: int
    fault: Literal["unweighted", "overlapping", "truncated"]

    forward: ClassVar[str] = "forced"

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        outcomes = joint_outcomes("sum-and-sample", program, params, _LIMIT)
        summed = outcomes.probs.argsort(descending=True, stable=True)[: self.top]
        rest = outcomes.probs.index_fill(0, summed, 0.0)
        law = outcomes.probs if self.fault == "overlapping" else rest
        drawn = choose(law.expand(num_samples, -1), generator).unsqueeze(1)
        remainder = {"unweighted": torch.ones_like(rest.sum()), "overlapping": rest.sum(), "truncated": 0 * rest.sum()}
        weight = torch.cat((outcomes.probs[summed], remainder[self.fault].unsqueeze(0)))
        chosen = torch.cat((summed.expand(num_samples, -1), drawn), 1)
        runs = outcomes.run(program, params, chosen)
        return runs.gradient(weight * runs.values, weight)
