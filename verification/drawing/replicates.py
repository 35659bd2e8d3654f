"""Replicates of one or two estimators on a problem, on the same random numbers, reduced to moments as they are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...estimators.markov import MarkovProgram
from ...estimators.protocol import Estimator, NotApplicableError, Program, Sample, describe
from ..checks.conformance import Conformance, applicability, check_conformance
from ..checks.dependence import correlation, digest
from ..checks.independence import IndependenceWatch
from ..plan import affordable_rows, chunk_rows
from ..problems.problem import Problem
from ..seeds import chunk_generator
from ..statistics.moments import Moments
from ..subject import Subject
from .rows import draw_rows, moments_at_looks

Array = NDArray[np.float64]

__all__ = ["DependentRowsError", "Replicates", "evaluations"]

FIRST_LOOK = 8
LAST_LOOK = 32
"""Times the profile's least rows: enough for a standard error of a few per cent, and four times that for heavy tails."""

_COUNTED_ROWS = 64


class DependentRowsError(ValueError):
    """Rows repeat or follow each other, so that a second stage confirms nothing.

    Attributes:
        name: The estimator that drew them.
        finding: What was found.
    """

    def __init__(self, name: str, finding: Conformance) -> None:
        super().__init__(f"{name}: {finding.note}")
        self.name, self.finding = name, finding


@dataclass(frozen=True)
class Replicates:
    """Draws replicates of estimators on one problem.

    Attributes:
        subjects: One estimator on the problem, or two that are to be compared.
        watches: What the chunks of each estimator have shown so far, over all stages.
    """

    subjects: tuple[Subject, ...]
    watches: dict[str, IndependenceWatch] = field(default_factory=dict, init=False, repr=False, compare=False)

    def refusal(self) -> tuple[str, Conformance] | None:
        """Return the first estimator that does not apply or breaks its contract, with what was found, else None."""
        for subject in self.subjects:
            reason = applicability(subject.unfitted, subject.problem, subject.probe)
            finding = Conformance("not-applicable", "refused", reason) if reason else _check_contract(subject)
            if finding.outcome != "pass":
                return subject.name, finding
        return None

    def looks(self, stage: str) -> Iterator[tuple[Moments, ...]]:
        """Yield the moments of each estimator's rows, at ever more of them; row i of all uses the same random numbers.

        Args:
            stage: What the rows are for; stages never share rows.

        Yields:
            Moments, one for each estimator.

        Raises:
            DependentRowsError: Chunks of different seeds hold the same rows, in this stage or an earlier one, or rows of a
                chunk follow each other. Independent rows are refused with a probability of 1e-12 a coordinate, distance and
                chunk.
        """
        plans = [chunk_rows(subject.unfitted, subject.probe) for subject in self.subjects]
        sizes = (min(rows) for rows in zip(*plans, strict=True))
        return moments_at_looks(partial(self._draw, stage), sizes, self._planned_looks())

    def _draw(self, stage: str, chunk: int, rows: int) -> list[Array]:
        """Draw a chunk of every estimator's rows."""
        return [self._draw_one(subject, stage, chunk, rows) for subject in self.subjects]

    def _draw_one(self, subject: Subject, stage: str, chunk: int, rows: int) -> Array:
        settings, problem = subject.settings, subject.problem
        # Addressed without the estimator: that is what makes the random numbers common.
        generator = chunk_generator(
            settings.seed, "variance", problem.name, str(problem.params.dtype), stage, chunk, settings.device
        )
        values = draw_rows(subject.fitted, problem.program, problem.params, rows, generator)
        watch = self.watches.setdefault(subject.name, IndependenceWatch())
        finding = watch.compare(stage, chunk, rows, digest(values), correlation(values))
        if finding is not None:
            raise DependentRowsError(subject.name, finding)
        return values

    def _planned_looks(self) -> list[int]:
        profile = self.subjects[0].settings.profile
        most = min(affordable_rows(profile, subject.unfitted, subject.probe) for subject in self.subjects)
        last = min(most, LAST_LOOK * profile.min_rows)
        looks, rows = [], FIRST_LOOK * profile.min_rows
        while rows < last:
            looks.append(rows)
            rows *= 2
        return [*looks, last]


def _check_contract(subject: Subject) -> Conformance:
    try:
        return check_conformance(subject.fitted, subject.problem, subject.generators("conformance"))
    except NotApplicableError as error:  # said while it was being fitted
        return Conformance("not-applicable", "refused", str(error))


def evaluations(estimator: Estimator, problem: Problem, seed: int = 0) -> float:
    """Program evaluations a replicate: as declared, or counted on a few rows where that depends on the program.

    Args:
        estimator: As verified: fitted, if it learns.
        problem: The problem.
        seed: Of the rows that are drawn to count.
    """
    declared = describe(estimator).evaluations
    if declared is not None:
        return float(declared)
    counts: list[int] = []
    generator = torch.Generator(problem.params.device).manual_seed(seed)
    estimator(_count_rows(problem.program, counts), problem.params, _COUNTED_ROWS, generator)
    return sum(counts) / _COUNTED_ROWS


def _count_rows(program: Program, counts: list[int]) -> Program:
    """The program, which writes down how many rows it was evaluated on."""
    if isinstance(program, MarkovProgram):
        objective = program.objective

        def last(state: Tensor) -> Tensor:
            found = objective(state)
            counts.append(len(found))
            return found

        return replace(program, objective=last)

    def run(params: Tensor, sample: Sample) -> Tensor:
        counts.append(len(params))
        return program(params, sample)

    return run
