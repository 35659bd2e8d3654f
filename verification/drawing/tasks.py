"""The tasks of a run: what is done in the process that draws, with the same answer in any of them.

A task names its estimator and its problem; a `Workbench` knows what the names mean.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...estimators.protocol import NotApplicableError
from ..checks.catalogue import Finding, examine_cell
from ..checks.dependence import correlation, digest
from ..checks.own_noise import find_waiting
from ..seeds import stable_repr
from ..shared_state import kept_state
from ..statistics.batches import Batches
from ..statistics.channels import Channels
from ..statistics.moments import Moments
from ..subject import Subject
from ..workbench import Workbench
from .gate import ReleasedGate, release_gate
from .rows import draw_rows, draw_rows_watched

__all__ = ["CheckResult", "CheckTask", "ChunkResult", "ChunkTask", "Overflow", "Task"]

Array = NDArray[np.float64]

BINS = 48


class Task(Protocol):
    """A piece of work on one estimator and one problem, described by names and numbers alone, so that it can be sent."""

    def perform(self, workbench: Workbench) -> Any:
        """Do the work in this process."""
        ...


@dataclass(frozen=True)
class CheckResult:
    """The findings of a cell's checks by name, and the estimator as it will be verified.

    Attributes:
        findings: The findings.
        estimator: A description of the estimator.
        waiting: For each parameter, True if equal rows may wait for a branch of the estimator's own; empty if none can.
        gate: A wider gate than the planned one, if forced rows show that rare outcomes carry nothing.
    """

    findings: Mapping[str, Finding]
    estimator: str
    waiting: tuple[bool, ...] = ()
    gate: ReleasedGate | None = None


@dataclass(frozen=True)
class CheckTask:
    """Fit an estimator if it learns, and make the checks of its cell.

    Attributes:
        estimator: The name of the estimator.
        problem: The name of the problem.
        alpha: The false-alarm rate of all checks together.
    """

    estimator: str
    problem: str
    alpha: float

    def perform(self, workbench: Workbench) -> CheckResult:
        """Make the checks."""
        subject = workbench.subject(self.estimator, self.problem)
        findings = examine_cell(subject, self.alpha)
        try:
            verified = subject.drawing
        except NotApplicableError:
            verified = subject.unfitted
        if findings["conformance"].outcome != "pass":
            return CheckResult(findings, stable_repr(verified))
        with kept_state():
            return CheckResult(findings, stable_repr(verified), _find_waiting(subject), release_gate(subject))


def _find_waiting(subject: Subject) -> tuple[bool, ...]:
    if subject.about.deterministic:
        return ()
    try:
        return find_waiting(subject.fitted, subject.problem, subject.generator("own noise", 0))
    except NotApplicableError:
        return ()


@dataclass(frozen=True)
class Overflow:
    """Rows of a chunk that hold NaN or infinity, and the result of drawing the chunk again.

    Attributes:
        rows: The number of such rows.
        first: The number of the first one within the chunk.
        stage: The stage of the chunk.
        chunk: The chunk's number within the stage.
        repeated: True if the chunk held the same rows when it was drawn again from the same seed.
    """

    rows: int
    first: int
    stage: str
    chunk: int
    repeated: bool

    def __str__(self) -> str:
        """Return a sentence on where the first row is and whether it comes back."""
        again = "the same rows" if self.repeated else "other rows: they depend on more than the generator"
        return f"the first is row {self.first} of {self.stage} chunk {self.chunk}; its seed gives {again} when drawn again"


@dataclass(frozen=True)
class ChunkResult:
    """One chunk, reduced.

    Attributes:
        moments: The moments of the error, ``row - reference``, for each split.
        own: The moments of the rows themselves, for each split: a sampled reference has a variance too, which is not the
            estimator's.
        reference: The moments of the sampled reference's rows, for each split; empty if the reference is a number.
        digest: A hash of the rows; empty if they are so much alike that another chunk may have the same by chance.
        constant: True if all rows are equal.
        correlation: The correlations of rows with the next one, and with those 1/2 to 1/8 of a chunk away, per coordinate.
        histogram: Bin edges and counts of every coordinate's rows, in the first chunk only.
        seconds: The seconds spent in the estimator.
        overflow: The rows that are not finite, if there are any.
        fault: A sentence on what the call left changed outside itself, such as the parameters; empty if nothing.
        batches: The batch sums of the error, for each split; nothing if the task did not ask for them.
    """

    moments: tuple[Moments, ...]
    own: tuple[Moments, ...]
    reference: tuple[Moments, ...]
    digest: bytes
    constant: bool
    correlation: tuple[float, ...]
    histogram: tuple[tuple[list[float], list[int]], ...]
    seconds: float
    overflow: Overflow | None = None
    fault: str = ""
    batches: tuple[Batches, ...] = ()


@dataclass(frozen=True)
class ChunkTask:
    """One chunk of rows.

    Attributes:
        estimator: The name of the estimator.
        problem: The name of the problem.
        stage: ``screen``, ``confirm`` or ``variance``.
        number: The number of the chunk within the stage.
        rows: The rows of the chunk.
        first_row: The rows of the stage before it.
        splits: The row counts within the chunk at which its moments are cut, the last one being ``rows``.
        channels: The linear functions of the error that are watched.
        summed: True if batch sums are wanted, for the norm, the scale and the angle of the gradient.
    """

    estimator: str
    problem: str
    stage: str
    number: int
    rows: int
    first_row: int
    splits: tuple[int, ...]
    channels: Channels
    summed: bool = False

    def perform(self, workbench: Workbench) -> ChunkResult:
        """Draw the rows, and reduce them to what can be merged."""
        subject = workbench.subject(self.estimator, self.problem)
        started = time.perf_counter()
        rows, fault = self._draw(subject)
        seconds = time.perf_counter() - started
        reference = self._reference_rows(subject)
        errors = rows - reference
        moments = self._moments(errors)
        return ChunkResult(
            moments=moments,
            own=moments if subject.reference.exact else self._moments(rows),
            reference=() if subject.reference.exact else self._moments(reference),
            digest=digest(rows),
            constant=bool((rows == rows[:1]).all()),
            correlation=correlation(rows),
            histogram=_histograms(rows) if self.number == 0 and self.stage == "screen" else (),
            seconds=seconds,
            overflow=None if np.isfinite(rows).all() else self._overflow(subject, rows),
            fault=fault,
            batches=self._batches(errors, None if subject.reference.exact else reference) if self.summed else (),
        )

    def _draw(self, subject: Subject) -> tuple[Array, str]:
        """Return the estimator's rows ``[n, d]``, and what the call left changed; the same task draws the same rows."""
        problem, generator = subject.problem, subject.generator(self.stage, self.number)
        return draw_rows_watched(subject.drawing, problem.program, problem.params, self.rows, generator)

    def _overflow(self, subject: Subject, rows: Array) -> Overflow:
        """Draw the chunk again: a fault that comes back can be looked into, one that does not is a fault of its own."""
        bad = np.flatnonzero(~np.isfinite(rows).all(1))
        repeated = np.array_equal(rows, self._draw(subject)[0], equal_nan=True)
        return Overflow(bad.size, int(bad[0]), self.stage, self.number, repeated)

    def _moments(self, rows: Array) -> tuple[Moments, ...]:
        """Return the moments of the watched channels, for each split of the chunk."""
        watched = self.channels.project(rows)
        return tuple(Moments.from_rows(watched[a:b], first_row=self.first_row + a) for a, b in self._cuts())

    def _batches(self, errors: Array, reference: Array | None) -> tuple[Batches, ...]:
        """Return the batch sums, for each split of the chunk."""
        parts = ((errors[a:b], None if reference is None else reference[a:b]) for a, b in self._cuts())
        return tuple(Batches.from_rows(*part) for part in parts)

    def _cuts(self) -> Iterator[tuple[int, int]]:
        """Return the first row of each split within the chunk, and the row behind its last one."""
        return pairwise([0, *self.splits])

    def _reference_rows(self, subject: Subject) -> Array:
        """Return what is subtracted: the exact gradient, or fresh rows of a sampled reference."""
        reference, problem = subject.reference, subject.problem
        if reference.exact:
            return reference.gradient
        generator = subject.generator(f"{self.stage} reference", self.number)
        return draw_rows(reference.rows_from(), problem.program, problem.params, self.rows, generator)


def _histograms(rows: Array) -> tuple[tuple[list[float], list[int]], ...]:
    """Count rows in bins from the 0.1 % to the 99.9 % quantile of each coordinate; the end bins count what lies outside."""
    if not np.isfinite(rows).all():
        return ()
    histograms: list[tuple[list[float], list[int]]] = []
    for column in rows.T:
        low, high = (float(quantile) for quantile in np.quantile(column, (0.001, 0.999)))
        if high - low <= 1e-9 * max(abs(low), abs(high)):
            low, high = low - 0.5, high + 0.5
        counts, edges = np.histogram(column.clip(low, high), bins=BINS, range=(low, high))
        histograms.append(([float(edge) for edge in edges], [int(number) for number in counts]))
    return tuple(histograms)
