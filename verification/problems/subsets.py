"""Subsets of two items: sites whose category is a whole set."""

from __future__ import annotations

import torch
from torch import Tensor

from ...estimators.k_subset import KSubset
from ...estimators.protocol import Sample
from .objectives import Objective, exponential, polynomial
from .problem import Problem

__all__ = ["subsets"]

_SIZE = 2


def subsets(count: int) -> list[Problem]:
    """Return the problems E f(a . z), z the k-hot vector of two of `count` items, differentiated in the items' logits.

    The objectives are ``linear``, ``cubic`` and ``exponential`` functions of the sum of the chosen items. An estimator that
    treats the items as independent bits is wrong on all of them.
    """
    if count <= _SIZE:
        raise ValueError(f"subsets: {count} items; expected more than {_SIZE}")
    logits = 0.9 * torch.cos(torch.arange(count, dtype=torch.float64) * 2.1) - 0.3
    table = torch.linspace(-0.9, 1.4, count, dtype=torch.float64).roll(1)

    def problem(objective: Objective) -> Problem:
        def program(params: Tensor, sample: Sample) -> Tensor:
            return objective.function(sample(KSubset(params, _SIZE, validate_args=False)) @ table.to(params))

        return Problem(
            name=f"subsets:{count}/{objective.name}/logits",
            program=program,
            params=logits,
            degree=objective.degree,
            chained=False,
            quick=False,
        )

    return [problem(each) for each in (polynomial("linear", 1, 1.0), polynomial("cubic", 3, 0.5), exponential())]
