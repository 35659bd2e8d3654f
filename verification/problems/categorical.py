"""One categorical, as an index and as a one-hot vector, differentiated in its logits."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Categorical, OneHotCategorical

from ...estimators.protocol import Sample
from .objectives import Objective, exponential, indicator, polynomial
from .problem import Problem

__all__ = ["categorical", "categorical_one_hot"]


def categorical(count: int) -> list[Problem]:
    """Return the problems E f(i), i ~ Categorical(softmax(theta)), for five functions f of the index.

    They are linear, quadratic, cubic, exponential and an indicator.
    """
    objectives = (
        polynomial("linear", 1, 1.0),
        polynomial("square", 2, -0.7),
        polynomial("cubic", 3, -0.5),
        exponential(2.0),
        indicator(count / 2 - 0.5),
    )

    def problem(objective: Objective) -> Problem:
        def program(params: Tensor, sample: Sample) -> Tensor:
            return objective.function(sample(Categorical(logits=params, validate_args=False)))

        return Problem(
            name=f"categorical:{count}/{objective.name}/logits",
            program=program,
            params=_logits(count),
            degree=objective.degree,
            continuous=objective.continuous,
            chained=False,
        )

    return [problem(each) for each in objectives]


def categorical_one_hot(count: int) -> list[Problem]:
    """Return the problems E f(a . z), z one-hot: linear, cubic and exponential functions of a table entry."""
    objectives = (polynomial("linear", 1, 1.0), polynomial("cubic", 3, 0.5), exponential())
    table = torch.linspace(-0.8, 1.2, count, dtype=torch.float64).roll(1)

    def problem(objective: Objective) -> Problem:
        def program(params: Tensor, sample: Sample) -> Tensor:
            value = sample(OneHotCategorical(logits=params, validate_args=False)) @ table.to(params)
            return objective.function(value)

        return Problem(
            name=f"categorical_one_hot:{count}/{objective.name}/logits",
            program=program,
            params=_logits(count),
            degree=objective.degree,
            chained=False,
        )

    return [problem(each) for each in objectives]


def _logits(count: int) -> Tensor:
    """Return logits of both signs, no two of them equal."""
    return 0.8 * torch.cos(torch.arange(count, dtype=torch.float64) * 2.1)
