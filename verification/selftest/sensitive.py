"""Problems on which planted bugs show: little noise beside the gradient, and nothing that cancels by symmetry."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, OneHotCategorical

from ...estimators.markov import MarkovProgram
from ...estimators.protocol import Program, Sample
from ..problems.problem import Problem
from ..problems.registry import registered_problems

__all__ = ["find_problem"]


@cache
def find_problem(name: str) -> Problem:
    """Return the problem with the given name: one of this module's, or a registered one."""
    own = {each.name: each for each in _own()}
    return own[name] if name in own else registered_problems()[name]


def _own() -> list[Problem]:
    return [
        _coin("coin/centred/logit", 0.2, -0.55),
        _coin("coin/shifted/logit", -0.6, 0.25),
        _coin("coin/near_even/logit", -0.01, 0.25),
        _coin("coin/certain/logit", 40.0, 0.0, rarest=1e-17),
        Problem(name="coin/paid/logit", program=_paid, params=_scalar(0.4), chained=False),
        Problem(name="coins/weighted/logits", program=_weigh, params=_vector(0.3, -0.8), degree=2, chained=False),
        Problem(name="coins/shared/p", program=_both, params=_scalar(0.5), chained=False),
        Problem(name="die/centred/logits", program=_FOUR, params=_vector(0.2, -0.3, 0.1, 0.0), chained=False),
        Problem(name="die/rare/logits", program=_table((9.0, 0.6, -0.7)), params=_vector(-3.3, 0.0, 0.1), chained=False),
        Problem(name="die/steps/logits", program=_steps, params=_vector(0.2, -0.3, 0.5), degree=2, chained=False),
        Problem(name="die/linear/logits", program=_line, params=_vector(0.2, -0.3, 0.5), degree=1, chained=False),
        Problem(name="die/one_hot/logits", program=_curve, params=_vector(0.2, -0.3, 0.5), degree=2, chained=False),
        Problem(name="spread/square/theta", program=_SPREAD, params=_scalar(0.3), degree=2),
    ]  # fmt: skip


def _scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def _vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _coin(name: str, logit: float, offset: float, rarest: float | None = None) -> Problem:
    """Return ``b + offset`` of one bit. Near even odds and centred, the score hardly varies: (b - p)^2 / p (1 - p) = 1."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        return sample(Bernoulli(logits=params, validate_args=False)) + offset

    floor = 0.1 if rarest is not None else 0.0
    return Problem(name=name, program=program, params=_scalar(logit), degree=1, chained=False, rarest=rarest, scale_floor=floor)


def _paid(params: Tensor, sample: Sample) -> Tensor:
    """Evaluate a bet whose stake is also the parameter, so that the objective has a derivative of its own."""
    return (sample(Bernoulli(logits=params, validate_args=False)) - 0.4) * (1 + params) + 0.3 * params


def _weigh(params: Tensor, sample: Sample) -> Tensor:
    """Evaluate two bits with an interaction; their logits have both signs, and the mean is not near zero."""
    first, second = sample(Bernoulli(logits=params, validate_args=False)).unbind(-1)
    return first - 1.5 * second + 0.8 * first * second + 0.2


def _both(params: Tensor, sample: Sample) -> Tensor:
    """Evaluate the product of two bits of one probability, where E f = p^2 is curved in p."""
    pair = params.unsqueeze(-1).expand(-1, 2)
    return sample(Bernoulli(pair, validate_args=False)).prod(-1)


def _table(values: tuple[float, ...]) -> Program:
    """Return the program that looks a category up in a table."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        one_hot = sample(OneHotCategorical(logits=params, validate_args=False))
        return one_hot @ params.new_tensor(values)

    return program


def _steps(params: Tensor, sample: Sample) -> Tensor:
    """Evaluate a square of the index, which rules that are exact to second order must get right."""
    return (sample(Categorical(logits=params, validate_args=False)) + 0.5) ** 2


def _line(params: Tensor, sample: Sample) -> Tensor:
    return 1.5 * sample(Categorical(logits=params, validate_args=False)) - 1.2


def _curve(params: Tensor, sample: Sample) -> Tensor:
    """Evaluate a square of a one-hot sample's entry in a table."""
    one_hot = sample(OneHotCategorical(logits=params, validate_args=False))
    return (one_hot @ params.new_tensor((0.9, -0.6, 0.5)) + 1.1) ** 2


_FOUR = _table((1.2, -0.7, 0.4, -0.9))

_SPREAD = MarkovProgram(
    num_steps=4,
    initial=torch.zeros_like,
    site=lambda params, state, k: Bernoulli(logits=params - 0.4 * state, validate_args=False),
    step=lambda state, value, k: state + (1 + k) * value,
    objective=lambda state: (state - 1.0) ** 2,
)
"""Ever longer steps, less probable from high up: two alternatives of one run are hardly ever in the same state."""
