"""Dependence on the parameters that a large program hides from automatic differentiation, found at fixed outcomes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...estimators.protocol import evaluate, row_gradients, row_leaf
from ...estimators.runs.tape import Tape, forcing, recording
from ...estimators.sites import Site
from ..problems.problem import Problem, probe
from .numerical_gradient import probe_directions
from .reference import Array

__all__ = ["hidden_share"]

_ROWS = 1024
_STEP = 1e-5
_ROUNDINGS = 100 * np.finfo(np.float64).eps
_ERRORS = 5  # standard errors from zero


def hidden_share(problem: Problem, gradient: Array) -> float:
    """Return the part of a program's gradient that it hides from automatic differentiation; zero if none was found.

    At fixed outcomes there is no noise: the objective and the log-probability of the outcomes are functions of the parameters,
    and their differences stand beside their derivatives, row by row. The hidden part of the gradient is the mean of ``d f`` and
    ``(f - E f) d log P`` that the derivatives miss. It counts if its mean is five standard errors from zero.

    Args:
        problem: The problem; its program is run a few times on 1,024 rows, in double precision.
        gradient: An estimate of the gradient ``[d]``, to which the part is relative.
    """
    try:
        return _hidden_share(replace(problem, params=problem.params.detach().cpu().double()), gradient)
    except Exception:  # the program does not run in double precision, or not beside its point
        return 0.0


def _hidden_share(problem: Problem, gradient: Array) -> float:
    tape: Tape[Site] = Tape()
    params = problem.params
    rows = params.expand(_ROWS, *params.shape)
    with torch.no_grad():
        evaluate(problem.program, rows, recording(_ROWS, torch.Generator().manual_seed(0), tape))
    outcomes = [draw.index for draw in tape.draws]
    leaf = row_leaf(params, _ROWS)
    here = _run(problem, leaf, outcomes)
    slopes = [row_gradients(each, leaf, retain_graph=True).reshape(_ROWS, -1) for each in here]
    centred = (here[0] - here[0].mean()).detach()
    rounding = _ROUNDINGS * float(here[0].detach().abs().max()) / _STEP
    shares = [0.0]
    for direction in probe_directions(params.numel(), np.inf):
        along = torch.as_tensor(direction)
        missed = _subtract_derivatives(problem, along, outcomes, slopes)
        hidden = missed[0] + centred * missed[1]
        mean, error = float(hidden.mean()), float(hidden.std()) / _ROWS**0.5
        size = max(abs(float(gradient @ direction) + mean), float(np.linalg.norm(gradient)) / gradient.size**0.5, 1e-300)
        shares.append(abs(mean) / size if abs(mean) > _ERRORS * error + rounding else 0.0)
    return max(shares)


def _subtract_derivatives(problem: Problem, along: Tensor, outcomes: list[Tensor], slopes: list[Tensor]) -> list[Tensor]:
    """Return what the derivatives of objective and log-probability miss of their differences along a direction, ``[rows]``."""
    step = _STEP * along.reshape(problem.params.shape)
    probe(replace(problem, params=problem.params + step))
    with torch.no_grad():
        up, down = (
            _run(problem, (problem.params + end * step).expand(_ROWS, *problem.params.shape), outcomes) for end in (1, -1)
        )
    pairs = zip(up, down, slopes, strict=True)
    return [(above - below) / (2 * _STEP) - slope @ along for above, below, slope in pairs]


def _run(problem: Problem, params: Tensor, outcomes: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the objective and the log-probability of fixed outcomes, ``[rows]`` each."""
    tape: Tape[Site] = Tape()
    objective = evaluate(problem.program, params, forcing(len(params), lambda number, _: outcomes[number], tape))
    log_prob = sum((each.site.log_prob(each.index).reshape(len(params), -1).sum(1) for each in tape.draws), objective * 0)
    return objective, log_prob
