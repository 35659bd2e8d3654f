"""Coordinates that are wrong by themselves although they hardly count in the norm of the whole gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .bias_look import Look
from .bias_plan import BiasPlan

__all__ = ["off_coordinates", "suspicious"]

MOST_NAMED = 20
"""The coordinates that a record names at most."""

SUSPICION = 0.05
"""The rate at which a sound vector's acceptance is put off to a later look because a coordinate looks wrong."""


def off_coordinates(plan: BiasPlan, seen: Look) -> list[dict[str, Any]]:
    """Return the coordinates whose own error is known to exceed the tolerance, the worst first.

    Args:
        plan: The plan of a vector's cell; one parameter has no coordinate beside itself.
        seen: The last look.

    Returns:
        A mapping for each, ``coordinate``, ``relative`` (the error over the coordinate itself) and its ``interval``.
    """
    if plan.size == 1:
        return []
    size, truth, gradient = plan.size, np.abs(np.asarray(plan.truth)), np.asarray(plan.truth)
    lower, upper = (limits[:size] for limits in seen.alarm)
    known = np.maximum(lower, -upper) - plan.slack[:size]
    off = _measurable(plan) & (known > plan.r_accept * truth) & (seen.open | seen.settled)[:size]
    ratio = np.where(off, np.abs(seen.mean[:size]) / np.where(truth > 0, truth, 1.0), -1.0)
    found = []
    for j in np.argsort(-ratio, kind="stable")[: min(MOST_NAMED, int(off.sum()))]:
        ends = sorted((float(lower[j] / gradient[j]), float(upper[j] / gradient[j])))
        found.append(
            {"coordinate": int(j), "relative": float(seen.mean[j] / gradient[j]), "interval": (ends[0], ends[1])}
        )  # fmt: skip
    return found


def suspicious(plan: BiasPlan, seen: Look) -> bool:
    """True if a coordinate seems to be off by more than the tolerance of itself, so that more rows should tell.

    The whole gradient may be accepted before a small coordinate is known. This puts off the acceptance of one sound cell in
    twenty.
    """
    size, truth = plan.size, np.abs(np.asarray(plan.truth))
    error = seen.std[:size] / np.sqrt(seen.count)
    critical = -special.ndtri(SUSPICION / (2 * size))
    away = np.abs(seen.mean[:size]) - plan.slack[:size]
    return bool((_measurable(plan) & (away > critical * error) & (away > plan.r_accept * truth)).any())


def _measurable(plan: BiasPlan) -> NDArray[np.bool_]:
    """True for the coordinates ``[d]`` that are more than rounding, so that an error can be relative to them."""
    return np.asarray(np.abs(np.asarray(plan.truth)) > 3 * np.asarray(plan.tau_numeric))
