"""Steps of finite differences: at which the program runs on both sides, and which move something."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...estimators.finite_difference import difference_steps
from ...estimators.protocol import evaluate
from ...estimators.runs.tape import Tape, recording
from ...estimators.sites import Site
from ..problems.problem import Problem, ProblemError, probe

__all__ = ["moves_outcomes", "valid_steps"]

_SIZES = (0.3, 0.05, 0.005, 0.0005)
_NEAR_ZERO = 0.01
"""The size of a parameter below which a step is absolute."""


def valid_steps(problem: Problem) -> list[tuple[float, Tensor]]:
    """Return up to two sizes of steps at which the program runs on both sides of every coordinate, with the steps ``[d]``."""
    valid = []
    for size in _SIZES:
        steps = [_valid_step(problem, coordinate, size) for coordinate in range(problem.params.numel())]
        if all(step is not None for step in steps):
            valid.append((size, torch.tensor(steps, dtype=problem.params.dtype, device=problem.params.device)))
        if len(valid) == 2:
            break
    return valid


def moves_outcomes(problem: Problem, coordinate: int, step: float, rows: int) -> bool:
    """Return True if any outcome differs between the two ends of a difference, in runs of common random numbers."""
    tapes = []
    for end in (step, -step):
        tape: Tape[Site] = Tape()
        point = _move(problem.params.cpu(), coordinate, end).expand(rows, *problem.params.shape)
        with torch.no_grad():
            evaluate(problem.program, point, recording(rows, torch.Generator().manual_seed(0), tape))
        tapes.append(tape.draws)
    return any(not torch.equal(up.index, down.index) for up, down in zip(*tapes, strict=True))


def _valid_step(problem: Problem, coordinate: int, size: float) -> float | None:
    """Return a step of a size at which a coordinate can be moved to both sides; None if there is none.

    A step is relative to its parameter. Near zero that would move nothing, so there it is absolute, if the program lets it.
    """
    value = float(problem.params.reshape(-1)[coordinate])
    relative = float(difference_steps(problem.params, size)[coordinate])
    for step in (size, relative) if abs(value) < _NEAR_ZERO else (relative,):
        try:
            for end in (step, -step):
                probe(replace(problem, params=_move(problem.params, coordinate, end)))
        except ProblemError:
            continue
        return step
    return None


def _move(params: Tensor, coordinate: int, step: float) -> Tensor:
    moved = params.detach().clone().reshape(-1)
    moved[coordinate] += step
    return moved.reshape(params.shape)
