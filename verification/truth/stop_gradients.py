"""Values that a program detaches: found by differences of its exact mean, read as the author says, or asked about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from ..problems.problem import DetachedReading, Problem, ProblemError
from ..statistics.channels import scales
from .detaches import find_detaches
from .given import GIVEN_DIGITS, given_gradient
from .hidden_dependence import hidden_share
from .numerical_gradient import Slopes, confirm_slopes, differentiate_mean, probe_directions
from .reference import Array, ExactGradient

__all__ = ["AgreedGradient", "SampledReading", "ask_about_detaches", "read_detaches", "read_sampled"]

_HIDDEN = 1e-4
"""The share of the gradient that a hidden dependence must carry; what is less lies below every tolerance."""


_HIDDEN_SAMPLED = 0.01
"""The share that a hidden dependence must carry of a gradient that is sampled."""


@dataclass(frozen=True, eq=False)
class AgreedGradient:
    """An exact gradient under one reading of detached values.

    Attributes:
        exact: The gradient.
        detaches: The places at which values are detached.
        detached: How they are read; None if it makes no difference or is not known.
        reading: A sentence on the reading; empty if it makes no difference.
        question: A question to the author; empty if nothing is open.
    """

    exact: ExactGradient
    detaches: tuple[str, ...] = ()
    detached: DetachedReading | None = None
    reading: str = ""
    question: str = ""


def read_detaches(problem: Problem, exact: ExactGradient) -> AgreedGradient:
    """Hold automatic differentiation of an exact mean against its differences, which see what a program detaches.

    Where they agree, nothing is hidden. Where they differ, the author's reading decides (`Problem.detached`), or the author's
    gradient, if it is one of the two. Otherwise the difference is a question, and refutes nothing by itself.

    Args:
        problem: The problem, in double precision.
        exact: The gradient by automatic differentiation, which holds detached values.

    Raises:
        ProblemError: The author wants detached values differentiated, and no difference can be taken.
    """
    directions = probe_directions(exact.gradient.size, exact.cost)
    if confirm_slopes(exact.mean, problem, directions, directions @ exact.gradient, _HIDDEN):
        return AgreedGradient(exact)
    slopes = differentiate_mean(exact.mean, problem, directions)
    if not _differ(slopes, directions @ exact.gradient, exact.gradient).any():
        return AgreedGradient(exact)
    places = find_detaches(problem)
    whole = _differentiate_all(problem, exact, slopes, directions)
    detached = problem.detached or _reading_of_given(problem, exact.gradient, whole)
    if detached == "hold":
        return AgreedGradient(exact, places, detached, _reading(places, "held at the point"))
    if detached == "differentiate":
        if whole is None:
            raise ProblemError(f"problem {problem.name!r}: detached='differentiate', and its mean cannot be differentiated")
        differentiated = replace(exact, kind=f"{exact.kind}, differences", gradient=whole)
        return AgreedGradient(differentiated, places, detached, _reading(places, "differentiated"))
    shown = slopes.value - directions @ exact.gradient
    share = float(np.nanmax(np.abs(shown)) / max(np.nanmax(np.abs(slopes.value)), 1e-300))
    return AgreedGradient(exact, places, question=ask_about_detaches(places, share))


class SampledReading(TypedDict):
    """The fields of a `Reference` that say how detached values are read."""

    detaches: tuple[str, ...]
    detached: DetachedReading | None
    reading: str
    question: str


def read_sampled(problem: Problem, gradient: Array, *, through: bool) -> SampledReading:
    """Return how a sampled reference reads what a program detaches, or the question which reading is meant.

    Args:
        problem: The problem.
        gradient: The reference's gradient, or an estimate of it, ``[d]``.
        through: True for differences, which go through detached values; scores hold them.
    """
    places = find_detaches(problem)
    share = hidden_share(problem, gradient)
    if share < _HIDDEN_SAMPLED:
        return {"detaches": places, "detached": problem.detached, "reading": "", "question": ""}
    own: DetachedReading = "differentiate" if through else "hold"
    if problem.detached == own or (through and problem.detached is None):
        reading = _reading(places, "differentiated" if through else "held at the point")
        return {"detaches": places, "detached": own, "reading": reading, "question": ""}
    return {"detaches": places, "detached": None, "reading": "", "question": ask_about_detaches(places, share)}


def ask_about_detaches(places: tuple[str, ...], share: float | None = None) -> str:
    """Return the question which gradient is meant, with the places of the detaches if they are known.

    Args:
        places: The places, as ``file.py:line``.
        share: The part of the gradient that they carry, if it is known.
    """
    where = f"values detached at {', '.join(places)}" if places else "a dependence hidden from automatic differentiation"
    carried = "part" if share is None else f"{100 * share:.3g} %"
    return (
        f"{where} carry {carried} of the mean's gradient; state which gradient is meant: detached='differentiate' goes through "
        "them, detached='hold' takes them as constants"
    )


def _reading(places: tuple[str, ...], verb: str) -> str:
    return f"values detached{' at ' if places else ''}{', '.join(places)} are {verb}"


def _differ(slopes: Slopes, expected: Array, gradient: Array) -> np.ndarray:
    """Return the directions in which the derivatives differ by more than their error and a negligible share."""
    size = np.maximum(np.abs(slopes.value), np.linalg.norm(gradient) / np.sqrt(gradient.size))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(slopes.value - expected) > _HIDDEN * size + slopes.error)


def _differentiate_all(problem: Problem, exact: ExactGradient, slopes: Slopes, directions: Array) -> Array | None:
    """Return the gradient by differences, coordinate by coordinate; None if a coordinate has none."""
    size = exact.gradient.size
    known = directions.shape == (size, size)
    found = slopes if known else differentiate_mean(exact.mean, problem, np.eye(size))
    return found.value if np.isfinite(found.value).all() else None


def _reading_of_given(problem: Problem, held: Array, differentiated: Array | None) -> DetachedReading | None:
    """Return the reading that the author's gradient has, if it has one alone."""
    if problem.exact is None or differentiated is None:
        return None
    given = given_gradient(problem)
    readings: tuple[tuple[DetachedReading, Array], ...] = (("hold", held), ("differentiate", differentiated))
    close: dict[DetachedReading, bool] = {
        name: bool((np.abs(given - each) <= GIVEN_DIGITS * scales(each, problem.scale_floor)).all()) for name, each in readings
    }
    return next((name for name, is_close in close.items() if is_close), None) if sum(close.values()) == 1 else None
