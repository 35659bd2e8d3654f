"""One Bernoulli, and several independent ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli

from ...estimators.protocol import Sample
from .objectives import Objective, exponential, polynomial
from .problem import Problem

__all__ = ["bernoulli", "bits"]


def bernoulli(p: float) -> list[Problem]:
    """Return the problems E f(b), b ~ Bernoulli(p), differentiated in p: f(1) - f(0).

    The objectives are (b - 0.45)^2, (b + 1)^3 and exp(b).
    """
    objectives = (polynomial("square", 2, -0.45), polynomial("cubic", 3, 1.0), exponential())

    def problem(objective: Objective) -> Problem:
        def program(params: Tensor, sample: Sample) -> Tensor:
            return objective.function(sample(Bernoulli(params, validate_args=False)))

        return Problem(
            name=f"bernoulli:{p:.15g}/{objective.name}/p",
            program=program,
            params=torch.tensor(p, dtype=torch.float64),
            degree=objective.degree,
            chained=False,
            quick=0.05 <= p <= 0.95,
        )

    return [problem(each) for each in objectives]


def bits(count: int) -> list[Problem]:
    """Return problems of independent bits, differentiated in their logits, which have both signs.

    The objective ``cubic`` is (w . b - 0.5)^3, with interactions and third order. ``parity`` is 2 + prod (1 - 2 b), which is
    linear in each bit but depends on all of them jointly.
    """
    logits = torch.linspace(1.6, -1.3, count, dtype=torch.float64)
    weights = torch.linspace(0.7, 1.3, count, dtype=torch.float64)

    def cubic(params: Tensor, sample: Sample) -> Tensor:
        return (sample(Bernoulli(logits=params, validate_args=False)) @ weights.to(params) - 0.5) ** 3

    def parity(params: Tensor, sample: Sample) -> Tensor:
        return 2 + (1 - 2 * sample(Bernoulli(logits=params, validate_args=False))).prod(-1)

    return [
        Problem(name=f"bits:{count}/cubic/logits", program=cubic, params=logits, degree=3, chained=False),
        Problem(name=f"bits:{count}/parity/logits", program=parity, params=logits, degree=1, chained=False),
    ]
