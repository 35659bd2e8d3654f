"""The reference that decides a problem, and those that are checked against it.

An exact gradient comes first (given by the problem's author, or computed), then the sampled references in the order of their
table. A new sampled reference is a file and a row in `SAMPLED_REFERENCES`; a new exact one is a row in `EXACT_GRADIENTS`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ..problems.problem import Problem, ProblemError
from .exact_gradients import EXACT_GRADIENTS
from .finite_differences import FINITE_DIFFERENCE, finite_difference
from .likelihood_ratio import LIKELIHOOD_RATIO, likelihood_ratio, pilot_gate
from .reference import ExactGradient, Reference, flatten

__all__ = ["EXACT_GIVEN", "SAMPLED_REFERENCES", "find_reference"]

EXACT_GIVEN = "exact (given)"

SAMPLED_REFERENCES: dict[str, Callable[[Problem, int], Reference]] = {
    LIKELIHOOD_RATIO: likelihood_ratio,
    FINITE_DIFFERENCE: finite_difference,
}
"""Kind -> the function of a problem and a seed that makes such a reference. The first one decides where nothing is exact."""


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
        return SAMPLED_REFERENCES[problem.reference](problem, seed)
    ways = (compute(problem, tolerance) for compute in EXACT_GRADIENTS)
    computed = next((exact for exact in ways if exact is not None), None)
    if problem.exact is not None:
        return _take_given(problem, computed)
    if computed is None:
        return next(iter(SAMPLED_REFERENCES.values()))(problem, seed)
    rarest = min(computed.rarest, problem.rarest or 1.0)
    return Reference(computed.kind, computed.gradient, None, np.zeros_like(computed.gradient), rarest)


def _take_given(problem: Problem, computed: ExactGradient | None) -> Reference:
    """Return the author's gradient as the reference, the program's own beside it where that is known."""
    gradient = flatten(torch.as_tensor(problem.exact))
    nothing = np.zeros_like(gradient)
    if computed is None:
        return Reference(EXACT_GIVEN, gradient, None, nothing, **pilot_gate(problem))
    rarest = min(computed.rarest, problem.rarest or 1.0)
    return Reference(EXACT_GIVEN, gradient, None, nothing, rarest, computed)
