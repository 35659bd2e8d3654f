"""Counts: Binomial, Geometric and Poisson, differentiated in their own parameter."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Binomial, Distribution, Geometric, Poisson

from ...estimators.protocol import Sample
from .objectives import Objective, polynomial
from .problem import Problem

__all__ = ["binomial", "geometric", "poisson"]

_MOMENTS = (polynomial("linear", 1, 1.0), polynomial("square", 2, 0.5), polynomial("cubic", 3, 0.5))


def binomial(trials: int) -> list[Problem]:
    """Return the problems E f(X), X ~ Binomial(n, 0.3), differentiated in p: shifted first to third moments."""
    return _moments(f"binomial:{trials}", "p", 0.3, lambda p: Binomial(trials, p, validate_args=False))


def geometric(p: float) -> list[Problem]:
    """Return the problems E f(X), X ~ Geometric(p), which counts failures from 0, differentiated in p.

    Its tail is long: with the score function, a square needs some million rows before no single row dominates the sum.
    """
    return _moments(f"geometric:{p:.15g}", "p", p, lambda rows: Geometric(rows, validate_args=False), "linear")


def poisson(rate: float) -> list[Problem]:
    """Return the problems E f(X), X ~ Poisson(rate), differentiated in the rate."""
    return _moments(f"poisson:{rate:.15g}", "rate", rate, lambda rows: Poisson(rows, validate_args=False))


def _moments(
    key: str, parameter: str, value: float, site: Callable[[Tensor], Distribution], quick: str = "square"
) -> list[Problem]:
    """Return three problems; the one named ``quick`` is in the quick profile."""

    def problem(objective: Objective) -> Problem:
        def program(params: Tensor, sample: Sample) -> Tensor:
            return objective.function(sample(site(params)))

        return Problem(
            name=f"{key}/{objective.name}/{parameter}",
            program=program,
            params=torch.tensor(value, dtype=torch.float64),
            degree=objective.degree,
            chained=False,
            quick=objective.name == quick,
        )

    return [problem(each) for each in _MOMENTS]
