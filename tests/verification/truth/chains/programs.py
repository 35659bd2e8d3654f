"""Finite chains that are not the walk: three outcomes, absorbing ends, steps that differ, lanes that spread."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import Estimator, MarkovProgram
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.problems import Problem
from gradverify.verification.truth.chains.chain import ReplicateMoments
from gradverify.verification.truth.known_moments import known_moments


def drifting(length: int = 3) -> MarkovProgram:
    """One down, none or one up, by a softmax whose logits depend on the state and on the step."""

    def site(params: Tensor, state: Tensor, k: int) -> Categorical:
        slope = params.new_tensor([0.4, 1.0, -0.7])
        shift = params.new_tensor([0.1, -0.3, 0.2])
        return Categorical(logits=params.unsqueeze(-1) * slope + (state + 0.5 * k).unsqueeze(-1) * shift)

    return MarkovProgram(
        num_steps=length,
        initial=lambda params: torch.ones_like(params),
        site=site,
        step=lambda state, value, k: state + value - 1,
        objective=lambda state: 2 + (state + 1) ** 3,
        states=torch.arange(1 - length, length + 2, dtype=torch.float64),
    )


def absorbing(length: int = 4) -> MarkovProgram:
    """Ruin: up or down by a biased coin, for ever at 0 and at 3 once there."""

    def step(state: Tensor, value: Tensor, k: int) -> Tensor:
        inside = (state > 0) & (state < 3)
        return torch.where(inside, state + 2 * value - 1, state)

    return MarkovProgram(
        num_steps=length,
        initial=lambda params: torch.ones_like(params),
        site=lambda params, state, k: Bernoulli(torch.sigmoid(params + 0.3 * state)),
        step=step,
        objective=lambda state: torch.exp(0.4 * state),
        states=torch.arange(4, dtype=torch.float64),
    )


def spreading(length: int = 4) -> MarkovProgram:
    """A walk that runs away from the origin, so that a lane's residual move does not meet the primal."""
    return MarkovProgram(
        num_steps=length,
        initial=lambda params: torch.zeros_like(params),
        site=lambda params, state, k: Bernoulli(logits=0.4 * params + 0.7 * state * params),
        step=lambda state, value, k: state + 2 * value - 1,
        objective=lambda state: 5 + (state + 1) ** 3,
        states=torch.arange(-length, length + 1, dtype=torch.float64),
    )


def boundary(length: int = 3) -> MarkovProgram:
    """P(up) = 1 - theta (1 + x) / 10 at theta = 0: certain moves whose derivatives are not zero."""
    return MarkovProgram(
        num_steps=length,
        initial=lambda params: torch.zeros_like(params),
        site=lambda params, state, k: Bernoulli(1 - params * (1 + state) / 10),
        step=lambda state, value, k: state + value,
        objective=lambda state: (state + 1) ** 3,
        states=torch.arange(length + 1, dtype=torch.float64),
    )


def _problem(name: str, program: MarkovProgram, point: float) -> Problem:
    return Problem(name=name, program=program, params=torch.tensor(point, dtype=torch.float64))


PROBLEMS = {
    "drifting": _problem("drifting", drifting(), 0.6),
    "absorbing": _problem("absorbing", absorbing(), -0.2),
    "spreading": _problem("spreading", spreading(), 0.9),
    "boundary": _problem("boundary", boundary(), 0.0),
}


def agree(known: ReplicateMoments | None, estimator: Estimator, problem: Problem) -> bool:
    """True if both agree to eleven digits of the mean's square: rounding, in two computations that share no line."""
    mean, variance = (float(each) for each in exact_moments(estimator, problem.program, problem.params))
    assert known is not None
    scale = max(1.0, mean**2, variance)
    return abs(known.mean - mean) < 1e-11 * scale and abs(known.variance - variance) < 1e-11 * scale


def differs(estimator: Estimator, name: str = "drifting") -> bool:
    """True if a planted bug makes the recursion disagree with all outcomes."""
    return not agree(known_moments(estimator, PROBLEMS[name]), estimator, PROBLEMS[name])
