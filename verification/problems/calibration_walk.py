"""The calibrated walk: no override at zero, one unknown shift theta, and losses of its whole path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from ...estimators.markov import MarkovProgram
from .calibration_law import SCALE, path_moments, rise
from .objectives import Objective, exponential, polynomial
from .problem import Problem

__all__ = ["SHIFT", "Cost", "Text", "calibration_walk", "path_program"]

SHIFT = 20.0
"""theta*, at which the baseline is simulated."""

_GUESS = 10.0

Text = Literal["bit", "categorical"]
"""The form of a step: one Bernoulli bit, or, as in the tutorial, a categorical of two whose index 0 is up."""

Cost = Callable[[Tensor, int], Tensor]
"""A function from the position ``[rows]`` on arrival at step k and k, counted from 0, to the cost ``[rows]``."""


def calibration_walk(length: int) -> list[Problem]:
    """Return problems of a walk that rises with probability exp(-(X_k + theta) / 20) clipped to [0, 1].

    The walk starts at X_0 = 0 and otherwise moves down by one. The problems are differentiated in theta at 10. The objectives
    are the last position (``linear``), its exponential, and ``path``: the mean over all steps of (X_k - m_k)^2, where m is the
    mean path at theta* = 20. A calibration minimises this loss of the whole path.
    """
    guess = torch.tensor(_GUESS, dtype=torch.float64)
    last = (polynomial("linear", 1), exponential(SCALE))
    return [
        *(
            Problem(
                name=f"calibration_walk:{length}/{each.name}/theta",
                program=_last(length, each),
                params=guess,
                degree=each.degree,
                chained=length > 1,
                quick=False,
            )
            for each in last
        ),
        _path_problem(length, guess),
    ]


def path_program(length: int, cost: Cost, *, text: Text = "bit", shift: Callable[[int], Tensor] | None = None) -> MarkovProgram:
    """Return the walk with the sum of its costs as objective; its state ``[rows, 2]`` is position and cost so far.

    A run of triples meets its alternative only if both position and cost are equal. After the positions have met, the
    difference of the costs remains, and so does the alternative's weight.

    Args:
        length: The number of steps.
        cost: The cost of every arrival.
        text: The form of a step.
        shift: A function from the number of rows to a shift of each row's theta, ``[rows]``, so that rows may differ in theta.

    Returns:
        A program of one scalar parameter, theta.
    """
    site = _Site(text, shift)

    def step(state: Tensor, value: Tensor, k: int) -> Tensor:
        position = site.arrival(state[:, 0], value)
        return torch.stack((position, state[:, 1] + cost(position, k)), -1)

    return MarkovProgram(
        num_steps=length,
        initial=lambda params: params.new_zeros(params.shape[0], 2, requires_grad=False),
        site=lambda params, state, k: site(params, state[:, 0]),
        step=step,
        objective=lambda state: state[:, 1],
    )


@dataclass(frozen=True, eq=False)
class _Site:
    """The distribution of a step, and the position to which its outcome leads."""

    text: Text
    shift: Callable[[int], Tensor] | None = None

    def __call__(self, params: Tensor, position: Tensor) -> Distribution:
        theta = params if self.shift is None else params + self.shift(params.shape[0])
        up = rise(position, theta)
        if self.text == "bit":
            return Bernoulli(up, validate_args=False)
        return Categorical(torch.stack((up, 1 - up), -1), validate_args=False)

    def arrival(self, position: Tensor, value: Tensor) -> Tensor:
        """Return the position one up for a set bit or for index 0, else one down."""
        if self.text == "bit":
            return torch.add(position - 1, value, alpha=2)
        return torch.sub(position + 1, value, alpha=2)


def _last(length: int, objective: Objective) -> MarkovProgram:
    site = _Site("bit")
    return MarkovProgram(
        num_steps=length,
        initial=torch.zeros_like,
        site=lambda params, state, k: site(params, state),
        step=lambda state, value, k: site.arrival(state, value),
        objective=objective.function,
        states=torch.arange(-length, length + 1, dtype=torch.float64),
    )


def _path_problem(length: int, guess: Tensor) -> Problem:
    target = path_moments(torch.tensor([SHIFT], dtype=torch.float64), length).mean[:, 0]
    levels: list[float] = target.tolist()  # plain numbers need no copy to a device at every step

    def cost(position: Tensor, k: int) -> Tensor:
        return (position - levels[k]) ** 2 / length

    leaf = guess.reshape(1).requires_grad_()
    moments = path_moments(leaf, length)
    loss = (moments.square - 2 * target[:, None] * moments.mean).mean()
    (exact,) = torch.autograd.grad(loss, leaf)
    return Problem(
        name=f"calibration_walk:{length}/path/theta",
        program=path_program(length, cost),
        params=guess,
        exact=exact.reshape(()),
        degree=2,
        chained=length > 1,
        quick=False,
    )
