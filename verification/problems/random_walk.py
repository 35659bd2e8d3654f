"""The random walk that slows as it climbs, on which variance is measured over program length."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from ...estimators.markov import MarkovProgram
from .objectives import Objective, exponential, indicator, polynomial
from .problem import Problem

__all__ = ["WalkParameter", "published_walk", "random_walk", "random_walk_categorical", "walk_program"]

WalkParameter = Literal["p", "theta"]
"""The parameter in which the walk is differentiated."""


def random_walk(length: int) -> list[Problem]:
    """Return problems of X_{k+1} = X_k + 1 with probability exp(-(X_k + theta) / p), else X_k - 1; at 0 it always rises.

    The walk starts at X_0 = 0. With p = n, the probability of a move varies over the whole range; theta = 0. The problems are
    differentiated in p (``square``, ``cubic``, ``exponential`` of X / n, ``indicator`` of X > n / 2) and in theta (``linear``,
    ``square``).
    """
    in_p = (polynomial("square", 2), polynomial("cubic", 3), exponential(float(length)), indicator(length / 2))
    in_theta = (polynomial("linear", 1), polynomial("square", 2))
    return [
        *(_problem(length, each, "p", quick=each.name == "square" or length == 10) for each in in_p),
        *(_problem(length, each, "theta", quick=length == 10) for each in in_theta),
    ]


def published_walk(length: int) -> list[Problem]:
    """Return the walk at p = 2n, on which StochasticAD's documentation compares standard deviations of d/dp E[X^2].

    The program is that of `random_walk` at another point: the walk falls less often than at p = n.

    References:
        Arya, Schauer, Schaefer and Rackauckas (2022), arXiv 2210.08572; the figure is that of StochasticAD's documentation.
    """
    return [
        Problem(
            name=f"published_walk:{length}/square/p",
            program=walk_program(length, polynomial("square", 2), "p"),
            params=torch.tensor(2.0 * length, dtype=torch.float64),
            degree=2,
            quick=False,
        )
    ]


def random_walk_categorical(length: int) -> list[Problem]:
    """Return the walk as the tutorial writes it: a categorical of two per step, where index 0 is up.

    The objective is E[X^2], differentiated in p. For an estimator that differentiates samples, this is another program than the
    one with bits.
    """
    program = MarkovProgram(
        num_steps=length,
        initial=torch.zeros_like,
        site=_two_way,
        step=lambda state, value, k: state + (1 - 2 * value),
        objective=torch.square,
        states=torch.arange(length + 1, dtype=torch.float64),
    )
    params = torch.tensor(float(length), dtype=torch.float64)
    return [
        Problem(name=f"random_walk_categorical:{length}/square/p", program=program, params=params, degree=2, quick=length == 10)
    ]


def walk_program(length: int, objective: Objective, parameter: WalkParameter) -> MarkovProgram:
    """Return the walk with one bit per step, differentiated in ``p`` (at theta = 0) or in ``theta`` (at p = n)."""
    return MarkovProgram(
        num_steps=length,
        initial=torch.zeros_like,
        site=_rises if parameter == "p" else _Shifted(float(length)),
        step=_take_step,
        objective=objective.function,
        states=torch.arange(length + 1, dtype=torch.float64),
    )


def _problem(length: int, objective: Objective, parameter: WalkParameter, *, quick: bool) -> Problem:
    return Problem(
        name=f"random_walk:{length}/{objective.name}/{parameter}",
        program=walk_program(length, objective, parameter),
        params=torch.tensor(float(length) if parameter == "p" else 0.0, dtype=torch.float64),
        degree=objective.degree,
        continuous=objective.continuous,
        quick=quick,
    )


def _take_step(state: Tensor, value: Tensor, k: int) -> Tensor:
    """Return ``x - 1 + 2 b``, in two passes over memory."""
    return torch.add(state - 1, value, alpha=2)


def _rises(params: Tensor, state: Tensor, k: int) -> Distribution:
    """Return the site that rises with probability exp(-x / p), which is one at x = 0 whatever p, as the override demands."""
    return Bernoulli(torch.exp(-state / params), validate_args=False)


class _Shifted:
    """A site that rises with probability exp(-(x + theta) / p), and always at x = 0, where its derivative is therefore zero."""

    def __init__(self, p: float) -> None:
        self.p = p

    def __call__(self, params: Tensor, state: Tensor, k: int) -> Distribution:
        rise = torch.exp(-(state + params) / self.p).clamp(max=1)
        return Bernoulli(torch.where(state == 0, torch.ones_like(rise), rise), validate_args=False)


def _two_way(params: Tensor, state: Tensor, k: int) -> Distribution:
    up = torch.exp(-state / params)
    return Categorical(torch.stack((up, 1 - up), -1), validate_args=False)
