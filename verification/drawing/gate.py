"""The gate of a cell, opened as far as forced rows show that rare outcomes carry nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ...estimators.adapters import convention_of
from ..checks.influence import RareOutcome, find_rare_outcomes, forced_influence
from ..plan import affordable_rows
from ..statistics.bias_plan import RARE_SIGHTINGS
from ..statistics.channels import scales
from ..subject import Subject
from ..truth.reference import Array

__all__ = ["ReleasedGate", "release_gate"]

SHARE = 0.1
"""The share of the tolerance that all rare outcomes together may carry."""


@dataclass(frozen=True)
class ReleasedGate:
    """A gate without outcomes that carry nothing.

    Attributes:
        p_gate: The probability of the rarest event that rows must have shown.
        carried: A bound on what the outcomes carry that were left out ``[d]``: rows without them are off by as much.
        reach: The largest row that such an outcome makes ``[d]``, as far as forced rows show.
        note: One sentence for a reader.
    """

    p_gate: float
    carried: Array
    reach: Array
    note: str


def release_gate(subject: Subject) -> ReleasedGate | None:
    """Return a wider gate for a cell whose rows cannot show the rarest outcomes of its sites; None if it keeps its gate.

    An outcome is left out if rows in which it is forced show that it carries little: the sum of ``p (|mean| + 3 se)`` over all
    such outcomes is at most a tenth of the tolerance, in every coordinate, for the estimator and a sampled reference together.
    Foreign code keeps its gate: how it draws is not known.

    Args:
        subject: The estimator on the problem.
    """
    reference, problem = subject.reference, subject.problem
    rows = affordable_rows(subject.settings.profile, subject.unfitted, subject.probe)
    rare = RARE_SIGHTINGS / rows
    if reference.rarest >= rare or reference.rarest_path < rare or convention_of(subject.unfitted).kind != "estimator":
        return None
    outcomes = find_rare_outcomes(problem, rare)
    if not outcomes or min(each.probability for each in outcomes) > 1.01 * reference.rarest:
        return None
    scale = scales(reference.gradient, np.maximum(reference.floor, problem.scale_floor))
    limit = SHARE * subject.settings.profile.r_accept * scale
    estimators = [subject.fitted] + ([reference.sampler] if reference.sampler is not None else [])
    carried, reach = np.zeros_like(scale), np.zeros_like(scale)
    for number, (estimator, outcome) in enumerate(product(estimators, outcomes)):
        influence = forced_influence(estimator, problem, outcome, subject.generator("forced", number))
        if influence is None or ((carried := carried + influence.carried) > limit).any():
            return None
        reach = np.maximum(reach, influence.reach)
    return ReleasedGate(min(reference.rarest_path, _next(subject, rare)), carried, reach, _describe(outcomes))


def _next(subject: Subject, rare: float) -> float:
    """Return the probability of the rarest outcome that is not left out."""
    outcomes = find_rare_outcomes(subject.problem, 1.0) or []
    return min((each.probability for each in outcomes if each.probability >= rare), default=1.0)


def _describe(outcomes: list[RareOutcome]) -> str:
    least = min(each.probability for each in outcomes)
    many = "an outcome" if len(outcomes) == 1 else f"{len(outcomes)} outcomes"
    return f"{many} of probability {least:.2g} and more carry less than a tenth of the tolerance, as forced rows show"
