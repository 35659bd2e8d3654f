"""Replicates of one or two estimators on a problem, on the same random numbers, reduced to moments as they are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ...estimators.markov import MarkovProgram
from ...estimators.protocol import Estimator, NotApplicableError, Program, Sample, describe
from ..checks.conformance import Conformance, applicability, check_conformance
from ..checks.dependence import correlation, digest, largest_correlation, stale_seed
from ..plan import affordable_rows, chunk_rows
from ..problems.problem import Probe, Problem, probe
from ..seeds import chunk_generator
from ..statistics.moments import Moments
from ..workbench import Workbench

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
        bench: What the names mean.
        names: One estimator, or two that are to be compared.
        problem: Name of the problem.
        digests: Of every chunk drawn so far, over all stages, by estimator, then by stage and place.
    """

    bench: Workbench
    names: tuple[str, ...]
    problem: str
    digests: dict[str, dict[tuple[str, int], bytes]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def refusal(self) -> tuple[str, Conformance] | None:
        """The first estimator that does not apply or breaks its contract, with what was found; None where all is well."""
        target = self.bench.problem(self.problem)
        for name in self.names:
            reason = applicability(self.bench.bare(name, self.problem), target, self._probe())
            finding = Conformance("not-applicable", "refused", reason) if reason else self._conformance(name, target)
            if finding.outcome != "pass":
                return name, finding
        return None

    def looks(self, stage: str) -> Iterator[tuple[Moments, ...]]:
        """Moments of each estimator's rows, at ever more of them; row i of all uses the same random numbers.

        Args:
            stage: What the rows are for; stages never share rows.

        Yields:
            Moments, one an estimator.

        Raises:
            DependentRowsError: Chunks of different seeds hold the same rows, in this stage or an earlier one, or rows of a
                chunk follow each other. Independent rows are refused with a probability of 1e-12 a coordinate, distance and
                chunk.
        """
        target = self.bench.problem(self.problem)
        estimators = [self.bench.estimator(name, self.problem) for name in self.names]
        seen = [Moments.empty(max(target.params.numel(), 1)) for _ in estimators]
        plans = [chunk_rows(self.bench.bare(name, self.problem), self._probe()) for name in self.names]
        sizes, drawn, chunk = self._sizes(), 0, 0
        while sizes:
            rows = min(*(next(plan) for plan in plans), sizes[0] - drawn)
            for k, estimator in enumerate(estimators):
                values = self._draw(estimator, target, stage, chunk, rows)
                self._require_independent(self.names[k], values, (stage, chunk))
                seen[k] = seen[k].merge(Moments.from_rows(values, first_row=drawn))
            drawn, chunk = drawn + rows, chunk + 1
            if drawn >= sizes[0]:
                sizes.pop(0)
                yield tuple(seen)

    def _draw(self, estimator: Estimator, target: Problem, stage: str, chunk: int, rows: int) -> np.ndarray:
        settings = self.bench.settings
        # Addressed without the estimator: that is what makes the random numbers common.
        generator = chunk_generator(
            settings.seed, "variance", self.problem, str(target.params.dtype), stage, chunk, settings.device
        )
        return np.asarray(estimator(target.program, target.params, rows, generator).reshape(rows, -1).double().cpu())

    def _require_independent(self, name: str, values: np.ndarray, place: tuple[str, int]) -> None:
        digests = self.digests.setdefault(name, {})
        digests[place] = digest(values)
        limit = largest_correlation(len(values))
        worst = max(map(abs, correlation(values)), default=0.0)
        if stale_seed(list(digests.values())):
            note = "rows drawn from different seeds are the same: it reseeds itself, or ignores the generator given"
            raise DependentRowsError(name, Conformance("failed", "repeated rows", note))
        if worst > limit:
            note = f"rows drawn together have correlation {worst:.3f} (limit {limit:.3f}); rows must be independent replicates"
            raise DependentRowsError(name, Conformance("failed", "dependent rows", note))

    def _sizes(self) -> list[int]:
        profile = self.bench.settings.profile
        bare = [self.bench.bare(name, self.problem) for name in self.names]
        most = min(affordable_rows(profile, each, self._probe()) for each in bare)
        wanted = FIRST_LOOK * profile.min_rows
        sizes = []
        while wanted < min(most, LAST_LOOK * profile.min_rows):
            sizes.append(wanted)
            wanted *= 2
        return [*sizes, min(most, LAST_LOOK * profile.min_rows)]

    def _probe(self) -> Probe:
        return probe(self.bench.problem(self.problem))

    def _conformance(self, name: str, target: Problem) -> Conformance:
        try:
            estimator = self.bench.estimator(name, self.problem)
        except NotApplicableError as error:  # said while it was being fitted
            return Conformance("not-applicable", "refused", str(error))
        return check_conformance(
            estimator, target, lambda number: self.bench.generator(name, self.problem, "conformance", number)
        )


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
    estimator(_counted(problem.program, counts), problem.params, _COUNTED_ROWS, generator)
    return sum(counts) / _COUNTED_ROWS


def _counted(program: Program, counts: list[int]) -> Program:
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
