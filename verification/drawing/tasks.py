"""The work of one chunk: draw its rows, and reduce them to what can be merged.

Everything here runs in the process that draws, and gives the same answer in any of them. Tasks name their estimator and
problem; a `Workbench` knows what the names mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...estimators.protocol import NotApplicableError
from ..attribution.search import attribution_check
from ..checks.compiled import check_compiled
from ..checks.conformance import Conformance, check_conformance
from ..checks.dependence import correlation, digest
from ..checks.forward_law import ForwardLaw, check_forward_law
from ..problems.problem import probe
from ..record.record import Check
from ..seeds import stable_repr
from ..statistics.channels import Channels
from ..statistics.moments import Moments
from ..truth.references import Reference
from ..workbench import Workbench

__all__ = ["AttributionTask", "ChunkResult", "ChunkTask", "ConformanceResult", "ConformanceTask", "Overflow", "Task", "perform"]

Array = NDArray[np.float64]

BINS = 48


@dataclass(frozen=True)
class ConformanceTask:
    """Fit the estimator if it learns, and hold it to its contract; ``alpha`` is the false-alarm rate of the laws' checks."""

    estimator: str
    problem: str
    alpha: float


@dataclass(frozen=True)
class ConformanceResult:
    """What was found, and the estimator as it will be verified."""

    finding: Conformance
    forward: ForwardLaw
    estimator: str


@dataclass(frozen=True)
class ChunkTask:
    """One chunk of rows.

    Attributes:
        estimator: Name of the estimator.
        problem: Name of the problem.
        stage: ``screen`` or ``confirm``.
        number: Of the chunk within the stage.
        rows: Rows of the chunk.
        first_row: Rows of the stage before it.
        splits: Row counts within the chunk at which its moments are cut, the last one being ``rows``.
        channels: What is watched.
    """

    estimator: str
    problem: str
    stage: str
    number: int
    rows: int
    first_row: int
    splits: tuple[int, ...]
    channels: Channels


@dataclass(frozen=True)
class Overflow:
    """Rows of a chunk that hold NaN or infinity, and what came of drawing the chunk again.

    Attributes:
        rows: How many.
        first: Number of the first one within the chunk.
        stage: Stage of the chunk.
        chunk: Its number within the stage.
        repeated: Drawn again from the same seed, the chunk held the same rows.
    """

    rows: int
    first: int
    stage: str
    chunk: int
    repeated: bool

    def __str__(self) -> str:
        """Where the first is, and whether it comes back."""
        again = "the same rows" if self.repeated else "other rows: they depend on more than the generator"
        return f"the first is row {self.first} of {self.stage} chunk {self.chunk}; its seed gives {again} when drawn again"


@dataclass(frozen=True)
class ChunkResult:
    """One chunk, reduced.

    Attributes:
        moments: Of the error, ``row - reference``, for each split.
        own: Of the rows themselves, for each split: a sampled reference has a variance too, which is not the estimator's.
        digest: Hash of the rows; empty where they are so much alike that another chunk may have the same by chance.
        constant: All rows are equal.
        correlation: Of rows with the next one, and with those 1/2 to 1/8 of a chunk away, per coordinate.
        histogram: Of every coordinate's rows, in the first chunk only: bin edges and counts.
        seconds: Spent in the estimator.
        overflow: Of a chunk with rows that are not finite.
    """

    moments: tuple[Moments, ...]
    own: tuple[Moments, ...]
    digest: bytes
    constant: bool
    correlation: tuple[float, ...]
    histogram: tuple[tuple[list[float], list[int]], ...]
    seconds: float
    overflow: Overflow | None = None


@dataclass(frozen=True)
class AttributionTask:
    """Find the sites at which a cell's bias enters; ``alpha`` is the probability of any false naming."""

    estimator: str
    problem: str
    alpha: float


Task = ConformanceTask | ChunkTask | AttributionTask


def perform(bench: Workbench, task: Task) -> ConformanceResult | ChunkResult | Check:
    """Do one task."""
    if isinstance(task, AttributionTask):
        return _attribute(bench, task)
    return _conform(bench, task) if isinstance(task, ConformanceTask) else _draw(bench, task)


def _conform(bench: Workbench, task: ConformanceTask) -> ConformanceResult:
    problem = bench.problem(task.problem)
    try:
        estimator = bench.estimator(task.estimator, task.problem)
    except NotApplicableError as error:  # said while it was being fitted
        refused = Conformance("not-applicable", "refused", str(error))
        return ConformanceResult(refused, ForwardLaw("not-tested"), stable_repr(bench.bare(task.estimator, task.problem)))

    def seeded(stage: str) -> Callable[[int], torch.Generator]:
        return lambda number: bench.generator(task.estimator, task.problem, stage, number)

    finding = check_conformance(estimator, problem, seeded("conformance"))
    forward = ForwardLaw("not-tested")
    drawing = bench.drawing(task.estimator, task.problem)
    alpha = task.alpha if drawing is estimator else task.alpha / 2
    if finding.outcome == "pass":
        types = probe(problem).types
        forward = check_forward_law(estimator, problem.program, problem.params, types, seeded("forward_law"), alpha)
        if drawing is not estimator:
            finding = check_compiled(estimator, drawing, problem, seeded("compiled"), alpha)
    return ConformanceResult(finding, forward, stable_repr(drawing))


def _attribute(bench: Workbench, task: AttributionTask) -> Check:
    estimator, problem = bench.bare(task.estimator, task.problem), bench.problem(task.problem)
    return attribution_check(estimator, problem, bench.settings, name=task.estimator, alpha=task.alpha)


def _draw(bench: Workbench, task: ChunkTask) -> ChunkResult:
    reference = bench.reference_for(task.estimator, task.problem)
    started = time.perf_counter()
    drawn = _drawn(bench, task)
    if drawn.is_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    rows: Array = np.asarray(drawn.double().cpu())
    errors = rows - _reference_rows(bench, reference, task)
    moments = _moments(errors, task)
    constant = bool((rows == rows[:1]).all())
    return ChunkResult(
        moments=moments,
        own=moments if reference.sampler is None else _moments(rows, task),
        digest=digest(rows),
        constant=constant,
        correlation=correlation(rows),
        histogram=_histograms(rows) if task.number == 0 and task.stage == "screen" else (),
        seconds=seconds,
        overflow=None if np.isfinite(rows).all() else _overflow(bench, task, rows),
    )


def _drawn(bench: Workbench, task: ChunkTask) -> Tensor:
    """The estimator's rows ``[n, d]``; the same task draws the same ones."""
    problem, estimator = bench.problem(task.problem), bench.drawing(task.estimator, task.problem)
    generator = bench.generator(task.estimator, task.problem, task.stage, task.number)
    return estimator(problem.program, problem.params, task.rows, generator).reshape(task.rows, -1)


def _overflow(bench: Workbench, task: ChunkTask, rows: Array) -> Overflow:
    """Draw the chunk again: a fault that comes back can be looked into, one that does not is a fault of its own."""
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    repeated = np.array_equal(rows, np.asarray(_drawn(bench, task).double().cpu()), equal_nan=True)
    return Overflow(bad.size, int(bad[0]), task.stage, task.number, repeated)


def _moments(rows: Array, task: ChunkTask) -> tuple[Moments, ...]:
    """Moments of what is watched of rows, for each split of the chunk."""
    watched = task.channels.project(rows)
    cuts = pairwise([0, *task.splits])
    return tuple(Moments.from_rows(watched[a:b], first_row=task.first_row + a) for a, b in cuts)


def _reference_rows(bench: Workbench, reference: Reference, task: ChunkTask) -> Array:
    """What is subtracted: the exact gradient, or fresh rows of a sampled reference."""
    if reference.sampler is None:
        return reference.gradient
    problem = bench.problem(task.problem)
    generator = bench.generator(task.estimator, task.problem, f"{task.stage} reference", task.number)
    rows = reference.sampler(problem.program, problem.params, task.rows, generator)
    return np.asarray(rows.reshape(task.rows, -1).double().cpu())


def _histograms(rows: Array) -> tuple[tuple[list[float], list[int]], ...]:
    """Bins from the 0.1 % to the 99.9 % quantile of each coordinate; what lies outside counts in the end bins."""
    if not np.isfinite(rows).all():
        return ()
    made: list[tuple[list[float], list[int]]] = []
    for column in rows.T:
        low, high = (float(each) for each in np.quantile(column, (0.001, 0.999)))
        if high - low <= 1e-9 * max(abs(low), abs(high)):
            low, high = low - 0.5, high + 0.5
        counts, edges = np.histogram(column.clip(low, high), bins=BINS, range=(low, high))
        made.append(([float(each) for each in edges], [int(each) for each in counts]))
    return tuple(made)
