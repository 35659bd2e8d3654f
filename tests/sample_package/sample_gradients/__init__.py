"""An estimator and two problems, as a package of one's own would hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Claims, Program, Sample, ScoreFunction
from gradverify.verification import Problem

__all__ = ["ClippedScore", "outbreaks"]


@dataclass(frozen=True)
class ClippedScore:
    """The score function with its large gradients clipped, as training loops do: biased, and it says so."""

    limit: float = 20.0

    claims: ClassVar[Claims] = Claims(bias="biased")
    reference: ClassVar[str] = "sample-gradients"

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Rows, ``[num_samples, *param]``."""
        return ScoreFunction()(program, params, num_samples, generator).clamp(-self.limit, self.limit)


def outbreaks() -> list[Problem]:
    """The size of an outbreak among two people, squared: at two rates of infection."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        infected = sample(Bernoulli(torch.sigmoid(params)))
        return (1 + infected + sample(Bernoulli(0.2 + 0.6 * infected))) ** 2

    return [
        Problem(name=f"outbreak:{rate:g}/square/rate", program=program, params=torch.tensor(rate, dtype=torch.float64))
        for rate in (0.3, 0.6)
    ]
