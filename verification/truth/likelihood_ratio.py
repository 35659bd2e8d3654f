"""The likelihood ratio as a reference: leave-one-out pairs, whose rows are subtracted from the estimator's."""

from __future__ import annotations

from contextlib import suppress
from typing import TypedDict

import numpy as np
import torch

from ...estimators.protocol import Estimator, evaluate
from ...estimators.runs.tape import Tape, recording
from ...estimators.score_function import LeaveOneOut
from ...estimators.sites import Site, is_finite
from ..problems.problem import Problem
from ..seeds import chunk_generator
from ..statistics.channels import scales
from .exact_gradients import ignored_probability
from .extreme_paths import rarest_path
from .reference import Array, Reference

__all__ = ["LIKELIHOOD_RATIO", "PILOT_ROWS", "draw_pilot", "likelihood_ratio", "pilot_gate"]

LIKELIHOOD_RATIO = "likelihood ratio"
PILOT_ROWS = 8192
TOLERANCE = 0.05
_GATE_ROWS = 1024


class Gate(TypedDict):
    """The fields of a `Reference` that say how rare an event must have been seen."""

    rarest: float
    rarest_path: float
    gate_known: bool


def likelihood_ratio(problem: Problem, seed: int, tolerance: float = TOLERANCE) -> Reference:
    """Return the likelihood-ratio reference of a problem.

    It is unbiased, so that it assumes nothing. Cost: a pilot of 8,192 rows, then four evaluations a row.

    Args:
        problem: The problem.
        seed: The run's seed.
        tolerance: The relative tolerance, which says how rare an event may be and still matter.
    """
    sampler = LeaveOneOut(group=4)
    rows = draw_pilot(problem, sampler, PILOT_ROWS, seed, "pilot")
    gradient = rows.mean(0)
    return Reference(LIKELIHOOD_RATIO, gradient, sampler, np.zeros_like(gradient), **pilot_gate(problem, gradient, tolerance))


def draw_pilot(problem: Problem, estimator: Estimator, count: int, seed: int, purpose: str) -> Array:
    """Draw ``[count, d]`` rows of an estimator for a purpose that has seeds of its own."""
    generator = chunk_generator(seed, purpose, problem.name, str(problem.params.dtype), "reference", 0)
    rows = estimator(problem.program, problem.params.cpu(), count, generator)
    return np.asarray(rows.reshape(count, -1).double())


def pilot_gate(problem: Problem, gradient: Array, tolerance: float = TOLERANCE) -> Gate:
    """Return the probability of the rarest outcome of any site in a pilot, or of the rarest extreme path that matters.

    Rare joint events do not show in a pilot. Those at the ends of the objective are found by forcing them (`extreme_paths`).
    All others are the author's to state (`Problem.rarest`), and until then the gate is not known.

    Args:
        problem: The problem.
        gradient: The gradient, or a pilot's estimate of it, ``[d]``.
        tolerance: The relative tolerance.
    """
    if problem.rarest is not None:
        return {"rarest": problem.rarest, "rarest_path": problem.rarest, "gate_known": True}
    params = problem.params.cpu().expand(_GATE_ROWS, *problem.params.shape)
    generator = chunk_generator(0, "gate", problem.name, str(params.dtype), "reference", 0)
    tape: Tape[Site] = Tape()
    with torch.no_grad():
        objective = evaluate(problem.program, params, recording(_GATE_ROWS, generator, tape))
    finite = [draw.site for draw in tape.draws if is_finite(draw.site)]
    means = [site.probabilities().double().mean(0).reshape(-1) for site in finite]
    ignored = ignored_probability(problem)
    seen = [float(mean[mean > ignored].min()) for mean in means if bool((mean > ignored).any())]
    path = 1.0
    if len(finite) == len(tape.draws) and not ignored:
        outcomes = torch.cat([draw.index.reshape(_GATE_ROWS, -1).long() for draw in tape.draws], 1)
        with suppress(Exception):  # a program may not run on every path
            path = rarest_path(problem, outcomes, objective, tolerance * scales(gradient, problem.scale_floor))
    return {"rarest": min((path, *seen)), "rarest_path": path, "gate_known": False}
