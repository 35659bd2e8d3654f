"""The work of one chunk: draw its rows, and reduce them to what can be merged.

Everything here runs in the process that draws, and gives the same answer in any of them. Tasks name their estimator and
problem; a `Workbench` knows what the names mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..estimators.protocol import Estimator, NotApplicableError, describe
from .channels import Channels
from .conformance import Conformance, check_conformance
from .dependence import correlation, digest
from .forward_law import ForwardLaw, check_forward_law
from .moments import Moments
from .plan import Settings
from .problems.problem import Problem, probe
from .seeds import chunk_generator, stable_repr
from .truth import FINITE_DIFFERENCE, LIKELIHOOD_RATIO, Reference, difference_reference, find_reference, sampled_reference

__all__ = ["ChunkResult", "ChunkTask", "ConformanceResult", "ConformanceTask", "Task", "Workbench", "perform"]

Array = NDArray[np.float64]

FIT_ROWS = 4096
BINS = 48


@dataclass(frozen=True)
class ConformanceTask:
    """Fit the estimator if it learns, and hold it to its contract; ``alpha`` is the forward law's false-alarm rate."""

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
class ChunkResult:
    """One chunk, reduced.

    Attributes:
        moments: Of the error, ``row - reference``, for each split.
        digest: Hash of the rows; empty where they are so much alike that another chunk may have the same by chance.
        constant: All rows are equal.
        correlation: Of rows with the next one and with the one half a chunk away, per coordinate.
        histogram: Of every coordinate's rows, in the first chunk only: bin edges and counts.
        seconds: Spent in the estimator.
    """

    moments: tuple[Moments, ...]
    digest: bytes
    constant: bool
    correlation: tuple[float, ...]
    histogram: tuple[tuple[list[float], list[int]], ...]
    seconds: float


Task = ConformanceTask | ChunkTask


@dataclass
class Workbench:
    """What names mean in this process, and what has been made of them so far.

    Attributes:
        settings: The run's settings.
        find_estimator: Name -> estimator.
        find_problem: Name -> problem, on the run's device.
    """

    settings: Settings
    find_estimator: Callable[[str], Estimator]
    find_problem: Callable[[str], Problem]
    _problems: dict[str, Problem] = field(default_factory=dict)
    _references: dict[str, Reference] = field(default_factory=dict)
    _samplers: dict[tuple[str, str], Reference] = field(default_factory=dict)
    _fitted: dict[tuple[str, str], Estimator] = field(default_factory=dict)

    def problem(self, name: str) -> Problem:
        """The problem of that name, its parameters on the run's device."""
        if name not in self._problems:
            found = self.find_problem(name)
            self._problems[name] = replace(found, params=found.params.to(self.settings.device))
        return self._problems[name]

    def reference(self, name: str) -> Reference:
        """The reference that decides the problem of that name."""
        if name not in self._references:
            settings = self.settings
            self._references[name] = find_reference(self.problem(name), settings.seed, settings.profile.r_accept)
        return self._references[name]

    def sampled(self, kind: str, problem: str) -> Reference:
        """The sampled reference of that kind, whether or not it decides."""
        if (kind, problem) not in self._samplers:
            find = sampled_reference if kind == LIKELIHOOD_RATIO else difference_reference
            self._samplers[kind, problem] = find(self.problem(problem), self.settings.seed)
        return self._samplers[kind, problem]

    def estimator(self, name: str, problem: str) -> Estimator:
        """The estimator of that name, fitted to the problem if it learns."""
        if (name, problem) not in self._fitted:
            self._fitted[name, problem] = self._fit(self.bare(name, problem), problem)
        return self._fitted[name, problem]

    def bare(self, name: str, problem: str) -> Estimator:
        """The estimator of that name before it learns; a reference's own sampler goes by the reference's kind."""
        if name not in (LIKELIHOOD_RATIO, FINITE_DIFFERENCE):
            return self.find_estimator(name)
        return _sampler(self.sampled(name, problem))

    def generator(self, name: str, problem: str, stage: str, chunk: int) -> torch.Generator:
        """The generator of one chunk, addressed by what is drawn and not by who draws it."""
        dtype = str(self.problem(problem).params.dtype)
        described = f"{name} {stable_repr(self.bare(name, problem))}"
        return chunk_generator(self.settings.seed, described, problem, dtype, stage, chunk, self.settings.device)

    def _fit(self, estimator: Estimator, problem: str) -> Estimator:
        fit = getattr(estimator, "fit", None)
        if fit is None:
            return estimator
        target = self.problem(problem)
        generator = chunk_generator(
            self.settings.seed, stable_repr(estimator), problem, str(target.params.dtype), "fit", 0, self.settings.device
        )
        fitted: Estimator = fit(target.program, target.params, num_samples=FIT_ROWS, generator=generator)
        return fitted


def perform(bench: Workbench, task: Task) -> ConformanceResult | ChunkResult:
    """Do one task."""
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
    if finding.outcome == "pass":
        types = probe(problem).types
        forward = check_forward_law(estimator, problem.program, problem.params, types, seeded("forward_law"), task.alpha)
    return ConformanceResult(finding, forward, stable_repr(estimator))


def _draw(bench: Workbench, task: ChunkTask) -> ChunkResult:
    problem, reference = bench.problem(task.problem), bench.reference(task.problem)
    estimator = bench.estimator(task.estimator, task.problem)
    generator = bench.generator(task.estimator, task.problem, task.stage, task.number)
    started = time.perf_counter()
    drawn = estimator(problem.program, problem.params, task.rows, generator).reshape(task.rows, -1)
    if problem.params.is_cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    rows: Array = np.asarray(drawn.double().cpu())
    errors = rows - _reference_rows(bench, reference, task)
    cuts = [0, *task.splits]
    watched = task.channels.project(errors)
    constant = bool((rows == rows[:1]).all())
    return ChunkResult(
        moments=tuple(Moments.from_rows(watched[a:b], first_row=task.first_row + a) for a, b in pairwise(cuts)),
        digest=digest(rows),
        constant=constant,
        correlation=correlation(rows),
        histogram=_histograms(rows) if task.number == 0 and task.stage == "screen" else (),
        seconds=seconds,
    )


def _reference_rows(bench: Workbench, reference: Reference, task: ChunkTask) -> Array:
    """What is subtracted: the exact gradient, or fresh rows of a sampled reference."""
    if reference.sampler is None:
        return reference.gradient
    problem = bench.problem(task.problem)
    generator = bench.generator(task.estimator, task.problem, f"{task.stage} reference", task.number)
    rows = reference.sampler(problem.program, problem.params, task.rows, generator)
    return np.asarray(rows.reshape(task.rows, -1).double().cpu())


def _sampler(reference: Reference) -> Estimator:
    assert reference.sampler is not None
    return reference.sampler


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


def registry_workbench(settings: Settings, problems: Mapping[str, str]) -> Workbench:
    """The workbench of a process that has only names: estimators from the registry, problems from their targets.

    Args:
        settings: The run's settings.
        problems: Name of each problem -> the target that finds it.
    """
    from ..estimators.registry import load_estimator
    from .problems.registry import find_problems

    def find_problem(name: str) -> Problem:
        found = find_problems([problems[name]], quick=False)
        return next(each for each in found if each.name == name)

    return Workbench(settings, load_estimator, find_problem)


def estimator_facts(estimator: Estimator) -> dict[str, Any]:
    """What an estimator declares, for the record."""
    about = describe(estimator)
    return {**asdict(about.claims), "evaluations": about.evaluations, "reference": about.reference}
