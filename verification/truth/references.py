"""The reference that decides a problem, and those that are checked against it.

A computed gradient comes first, and a gradient that the author gives, perhaps to a few digits, is checked against it. Where
none can be computed the given one decides, then the sampled references in the order of their table. A new sampled reference is
a file and a row in `SAMPLED_REFERENCES`; a new exact one is a row in `EXACT_GRADIENTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import numpy as np
import torch

from ..problems.problem import Problem, ProblemError
from .exact_gradients import EXACT_GRADIENTS
from .finite_differences import FINITE_DIFFERENCE, finite_difference, too_many_coordinates
from .given import given_gradient, given_rounding
from .likelihood_ratio import LIKELIHOOD_RATIO, likelihood_ratio, pilot_gate
from .reference import ExactGradient, Reference
from .stop_gradients import AgreedGradient, read_detaches, read_sampled

__all__ = ["EXACT_GIVEN", "SAMPLED_REFERENCES", "find_reference", "secondary_references"]

EXACT_GIVEN = "exact (given)"

SAMPLED_REFERENCES: dict[str, Callable[[Problem, int, float], Reference]] = {
    LIKELIHOOD_RATIO: likelihood_ratio,
    FINITE_DIFFERENCE: finite_difference,
}
"""Kind -> the function of a problem, a seed and a tolerance that makes it. The first one decides where nothing is exact."""


def secondary_references(problem: Problem, decides: str) -> dict[str, str]:
    """Return the sampled references that do not decide a problem, with the reason why one is not drawn, or nothing.

    Args:
        problem: The problem.
        decides: The kind of the reference that decides.
    """
    slow = f"rows of the program are dear: {problem.dear_rows}" if problem.dear_rows else ""
    reasons = {LIKELIHOOD_RATIO: slow, FINITE_DIFFERENCE: slow or too_many_coordinates(problem)}
    return {kind: reasons[kind] for kind in SAMPLED_REFERENCES if kind != decides}


def find_reference(problem: Problem, seed: int, tolerance: float) -> Reference:
    """Return the reference that decides a problem.

    Args:
        problem: The problem.
        seed: The run's seed, for references that are sampled.
        tolerance: The relative tolerance, which says how rare an event may be and still matter.

    Raises:
        ProblemError: The problem asks for a reference that does not exist, or its program fails where a reference runs it, on
            one row or on outcomes that were not drawn.
    """
    if problem.reference not in (None, *SAMPLED_REFERENCES):
        expected = " or ".join(map(repr, SAMPLED_REFERENCES))
        raise ProblemError(f"problem {problem.name!r}: reference={problem.reference!r}; expected {expected}")
    try:
        return _decide(problem, seed, tolerance)
    except Exception as error:
        raise ProblemError(
            f"problem {problem.name!r}: no reference could be computed: {type(error).__name__}: {error}; a program must run on "
            "any number of rows, and its sites must not depend on what was drawn"
        ) from error


def _decide(problem: Problem, seed: int, tolerance: float) -> Reference:
    if problem.reference is not None:
        return _sample(problem.reference, problem, seed, tolerance)
    agreed = _agree(problem, tolerance)
    if agreed is None:
        if problem.exact is None:
            through = problem.detached == "differentiate"
            return _sample(FINITE_DIFFERENCE if through else next(iter(SAMPLED_REFERENCES)), problem, seed, tolerance)
        rounding = given_rounding(problem)
        gate = pilot_gate(problem, given_gradient(problem), tolerance)
        return Reference(EXACT_GIVEN, given_gradient(problem), None, rounding, **gate)
    computed = agreed.exact
    return Reference(
        computed.kind,
        computed.gradient,
        None,
        np.zeros_like(computed.gradient),
        min(computed.rarest, problem.rarest or 1.0),
        rarest_path=min(computed.rarest_path, problem.rarest or 1.0),
        given=None if problem.exact is None else given_gradient(problem),
        roundings=computed.roundings,
        floor=computed.floor,
        detaches=agreed.detaches,
        detached=agreed.detached,
        reading=agreed.reading,
        question=agreed.question,
    )


def _sample(kind: str, problem: Problem, seed: int, tolerance: float) -> Reference:
    """Return a sampled reference under its reading of what the program detaches: differences see it, and scores do not."""
    reference = SAMPLED_REFERENCES[kind](problem, seed, tolerance)
    return replace(reference, **read_sampled(problem, reference.gradient, through=kind == FINITE_DIFFERENCE))


def _agree(problem: Problem, tolerance: float) -> AgreedGradient | None:
    """Return the exact gradient of a program that is small enough, under one reading of detached values; else None."""
    exact, precise = _compute(problem, tolerance)
    return None if exact is None else read_detaches(precise, exact)


def _compute(problem: Problem, tolerance: float) -> tuple[ExactGradient | None, Problem]:
    """Return the exact gradient, and the problem as it was computed: in double precision wherever the program runs in it."""
    if problem.params.dtype != torch.float64:
        double = replace(problem, params=problem.params.double())
        with suppress(Exception):
            return _first_exact(double, tolerance), double
    return _first_exact(problem, tolerance), problem


def _first_exact(problem: Problem, tolerance: float) -> ExactGradient | None:
    ways = (compute(problem, tolerance) for compute in EXACT_GRADIENTS)
    return next((exact for exact in ways if exact is not None), None)
