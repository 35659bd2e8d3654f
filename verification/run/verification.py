"""The only loop: plan, chunks, moments, verdicts, record."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ...estimators.protocol import Estimator, describe
from ..checks.conformance import applicability
from ..drawing.executors import Executor, Inline
from ..drawing.tasks import Task
from ..plan import ErrorBudget, Settings, affordable_rows
from ..problems.problem import Probe, Problem, hold_to_rows, probe
from ..record.head import run_head
from ..record.record import Cell, Check, Record, Run
from ..seeds import directions
from ..statistics.bias import BiasPlan
from ..statistics.channels import scales
from ..statistics.exact_variance import ExactVariance, rounding
from ..truth.known_moments import has_known_variance, known_variance
from ..truth.references import FINITE_DIFFERENCE, LIKELIHOOD_RATIO, Reference
from ..workbench import Workbench, estimator_facts
from .cell import CellRun
from .cell_checks import cell_record, reference_check
from .exact import exact_cells
from .families import fit_families

__all__ = ["Progress", "Verification", "verify_cells"]

REFERENCE_TOLERANCE = 0.15  # references are compared to find gross mistakes; cells have their own tolerance

Progress = Callable[[int, int, str], None]
"""Told (cells closed, cells in all, name of the cell that closed last)."""


@dataclass(eq=False)
class Verification:
    """A run: which estimators on which problems, under which settings.

    Attributes:
        estimators: Name -> estimator.
        problems: The problems.
        settings: What holds for every cell.
        command: How the run was asked for; it stands in the record.
        replay: (estimator, problem) -> the command that repeats one cell.
    """

    estimators: dict[str, Estimator]
    problems: list[Problem]
    settings: Settings
    command: str = ""
    replay: Callable[[str, str], str] = lambda estimator, problem: ""
    bench: Workbench = field(init=False)

    def __post_init__(self) -> None:
        by_name = {each.name: each for each in self.problems}
        self.bench = Workbench(self.settings, self.estimators.__getitem__, by_name.__getitem__)
        # A problem is held to its contract before anything is measured on it.
        self._probes = {each.name: probe(self.bench.problem(each.name)) for each in self.problems}
        for each in self.problems:
            hold_to_rows(self.bench.problem(each.name))
            self.bench.reference(each.name)
        self._refused: list[Cell] = []
        self._pairs = list(self._applicable())
        self._known = {pair: self._known_variance(*pair) for pair in self._pairs}
        known = sum(each is not None for each in self._known.values())
        other = 2 * len(self.problems) + len(self._pairs) + known
        self.budget = ErrorBudget(self.settings.alpha, bias_cells=len(self._pairs), other_tests=other)

    @cached_property
    def runs(self) -> list[CellRun]:
        """The cells, in order."""
        return [self._cell(name, problem, self._probes[problem]) for name, problem in self._pairs]

    def _checked(self, checks: dict[str, list[CellRun]]) -> Iterator[list[CellRun]]:
        """For one problem after another, the references that do not decide against the one that does, entered in `checks`.

        A finite difference needs a pilot of a second or so; it is taken when the cells are on their way.
        """
        for each in self.problems:
            checks[each.name] = self._reference_runs(each.name)
            yield checks[each.name]

    def execute(self, executor: Executor | None = None, progress: Progress | None = None) -> Record:
        """Draw until every cell is closed, and write down what was found.

        Ctrl-C and the time limit close the cells that are open; the record then says that it is not complete, or that it was
        cut by time.
        """
        started, wall = time.perf_counter(), time.time()
        checks: dict[str, list[CellRun]] = {each.name: [] for each in self.problems}
        executor = executor or Inline(self.bench)
        complete, truncated = True, False
        try:
            truncated = _drive(self.runs, self._checked(checks), executor, progress, self.settings.seconds)
        except KeyboardInterrupt:
            complete = False
        finally:
            executor.close()
        for run in (*self.runs, *(each for several in checks.values() for each in several)):
            run.end("interrupted" if not complete else "time")
        compared = {name: reference_check(runs, self.bench.reference(name)) for name, runs in checks.items()}
        cells = [self._written(run, compared[run.problem]) for run in self.runs]
        references = [
            Cell(estimator="references", problem=name, status="failed" if each.outcome == "disagree" else "ok", checks=(each,))
            for name, each in compared.items()
        ]
        timing = {"started": wall, "seconds": time.perf_counter() - started}
        head = replace(self._head(timing), complete=complete, time_truncated=truncated)
        families = tuple(fit_families(self.runs, self.problems, self._known))
        return Record(run=head, cells=(*references, *self._ordered(cells)), families=families)

    def execute_exactly(self, progress: Progress | None = None) -> Record:
        """Run every estimator over all its draws instead of sampling it; see `exact_run`. Ctrl-C leaves the other cells out."""
        started, wall = time.perf_counter(), time.time()
        cells, complete = [], True
        try:
            for cell in exact_cells(self.bench, self._pairs):
                cells.append(cell)
                if progress is not None:
                    progress(len(cells), len(self._pairs), f"{cell.estimator} on {cell.problem}")
        except KeyboardInterrupt:
            complete = False
        head = self._head({"started": wall, "seconds": time.perf_counter() - started})
        budget = {"rule": "no error rate: means are computed over all draws"}
        return Record(run=replace(head, num_tests=0, budget=budget, complete=complete), cells=self._ordered(cells))

    def _ordered(self, cells: list[Cell]) -> tuple[Cell, ...]:
        """The cells and the refusals, estimator by estimator."""
        written = {(each.estimator, each.problem): each for each in (*cells, *self._refused)}
        keys = ((name, problem.name) for name in self.estimators for problem in self.problems)
        return tuple(written[key] for key in keys if key in written)

    def _applicable(self) -> Iterable[tuple[str, str]]:
        """The pairs that can be run; the others are written down with the reason."""
        for name, estimator in self.estimators.items():
            for problem in self.problems:
                reason = applicability(estimator, problem, self._probes[problem.name])
                if reason:
                    self._refused.append(_refusal(name, estimator, problem.name, reason))
                else:
                    yield name, problem.name

    def _known_variance(self, name: str, problem: str) -> float | None:
        if not has_known_variance(self.bench.bare(name, problem), self.bench.problem(problem)):
            return None
        return known_variance(self.bench.estimator(name, problem), self.bench.problem(problem))

    def _cell(self, name: str, problem: str, seen: Probe) -> CellRun:
        subject = self.bench.bare(name, problem)
        reference = self.bench.reference_for(name, problem)
        profile = self.settings.profile
        plan = self._plan(problem, reference, self.budget.per_cell, describe(subject).deterministic)
        plan = replace(plan, max_rows=affordable_rows(profile, subject, seen))
        alpha, exact = self.budget.per_other_test, self._known.get((name, problem))
        # A comparison with an exact variance needs the sample variance's own law to be near normal.
        least = min(profile.min_rows * (1 if exact is None else 8), plan.max_rows)
        floor = rounding(plan.scale, self.bench.problem(problem).params.dtype)
        compared = None if exact is None else ExactVariance(exact, alpha, floor)
        return CellRun(name, problem, subject, plan, seen, least, alpha, compared)

    def _reference_runs(self, problem: str) -> list[CellRun]:
        """Every sampled reference that does not decide, against the one that does."""
        reference = self.bench.reference(problem)
        rows = self.settings.profile.reference_rows
        runs = []
        for kind in (LIKELIHOOD_RATIO, FINITE_DIFFERENCE):
            if kind == reference.kind:
                continue
            plan = self._plan(problem, reference, self.budget.per_other_test, False)
            if kind == FINITE_DIFFERENCE:
                own = self.bench.sampled(kind, problem)
                # A small step moves few uniforms across a threshold: rows that are all zero say nothing against a gradient.
                bound = np.asarray(plan.reference_bias) + own.bias_bound
                plan = replace(plan, reference_bias=bound, gate_known=False)
            subject = self.bench.bare(kind, problem)
            plan = replace(plan, max_rows=rows, r_target=REFERENCE_TOLERANCE, r_accept=2 * REFERENCE_TOLERANCE)
            runs.append(CellRun(kind, problem, subject, plan, self._probes[problem], 0, self.budget.per_other_test))
        return runs

    def _plan(self, name: str, reference: Reference, alpha: float, deterministic: bool) -> BiasPlan:
        problem, profile = self.bench.problem(name), self.settings.profile
        scale = scales(reference.gradient, problem.scale_floor)
        single = problem.params.dtype == torch.float32
        rounding = np.where(scale > 0, scale, 1.0) * (1e-6 if single else 1e-12)
        return BiasPlan(
            truth=reference.gradient,
            scale=scale,
            tau_numeric=rounding,
            r_target=profile.r_target,
            r_accept=profile.r_accept,
            alpha=alpha,
            max_rows=profile.max_rows,
            p_gate=reference.rarest,
            reference_bias=reference.bias_bound,
            directions=directions(self.settings.seed, name, reference.gradient.size),
            deterministic_rows=deterministic and reference.exact,
            gate_known=reference.gate_known,
            reference_supports=reference.supports,
        )

    def _head(self, timing: dict[str, Any]) -> Run:
        head = run_head(
            command=self.command,
            profile=self.settings.profile.name,
            seed=self.settings.seed,
            device=self.settings.device,
            dtypes={self.bench.problem(each.name).params.dtype for each in self.problems},
            alpha=self.settings.alpha,
            tolerance=self.settings.profile.r_accept,
            timing=timing,
        )
        budget = {"rule": self.budget.rule, "per_cell": self.budget.per_cell, "per_other_test": self.budget.per_other_test}
        return replace(head, num_tests=self.budget.bias_cells + self.budget.other_tests, budget=budget)

    def _written(self, run: CellRun, references: Check) -> Cell:
        cell = cell_record(
            run,
            self.bench.problem(run.problem),
            self.bench.reference_for(run.estimator, run.problem),
            self.settings.expect,
            self.replay(run.estimator, run.problem),
        )
        return _overruled(cell) if references.outcome == "disagree" else cell


def verify_cells(
    estimators: dict[str, Estimator], problems: list[Problem], settings: Settings, progress: Progress | None = None
) -> Record:
    """Verify estimators on problems in this process."""
    return Verification(estimators, problems, settings).execute(progress=progress)


def _drive(
    cells: list[CellRun],
    later: Iterator[list[CellRun]],
    executor: Executor,
    progress: Progress | None,
    seconds: float | None,
) -> bool:
    """Keep the executor fed until every cell is closed, those planned on the way among them; True if time ran out first.

    Every open cell gets one task before any gets a second, so that few rows are drawn in vain.
    """
    deadline = time.monotonic() + seconds if seconds is not None else math.inf
    waiting: dict[int, tuple[CellRun, Task]] = {}
    ticket, runs, closed = 0, [*cells], set[int]()
    more: list[CellRun] | None = []
    while True:
        closed |= {id(run) for run in runs if run.closed}
        live = [run for run in runs if id(run) not in closed]
        if not live and more is None:
            return False
        if time.monotonic() > deadline:
            return True
        for run in sorted(live, key=lambda each: each.in_flight):
            if len(waiting) >= executor.capacity:
                break
            task = run.next_task()
            if task is not None:
                ticket += 1
                waiting[ticket] = (run, task)
                executor.submit(ticket, task)
        more = next(later, None)
        runs[:0] = more or []  # first in line: every verdict rests on them
        if not waiting:
            continue
        key, result = executor.next()
        run, task = waiting.pop(key)
        if not run.closed:
            run.receive(task, result)
            if run.closed and progress is not None:
                progress(len(closed) + 1, len(runs), f"{run.estimator} on {run.problem}")


def _refusal(name: str, estimator: Estimator, problem: str, reason: str) -> Cell:
    note = f"not applicable: {reason}"
    return Cell(
        estimator=name,
        problem=problem,
        status="ok",
        checks=(Check(check="bias", outcome="not-applicable", note=note),),
        claims=estimator_facts(estimator),
    )


def _overruled(cell: Cell) -> Cell:
    """A cell whose references contradict each other has no verdict."""
    note = "the references of this problem disagree; no verdict can rest on them"
    checks = tuple(
        replace(each, outcome="failed", claim="none", note=note) if each.check == "bias" else each for each in cell.checks
    )
    return replace(cell, status="failed", checks=checks)
