"""A run in this process: plan the cells, let the loop draw them, and write down what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...estimators.protocol import Estimator
from ..checks.conformance import applicability
from ..drawing.executors import Executor, Inline
from ..plan import ErrorBudget, Settings, affordable_rows
from ..problems.problem import Problem, hold_to_rows
from ..record.head import run_head
from ..record.record import Cell, Check, Record, Run
from ..statistics.bias import BiasPlan
from ..statistics.exact_variance import ExactVariance
from ..statistics.rounding import variance_rounding
from ..subject import Subject, estimator_facts
from ..training.step import TrainingStep
from ..truth.known_moments import has_known_variance, known_variance
from ..truth.reference import Reference
from ..truth.references import secondary_references
from ..verdicts import Status
from ..workbench import Workbench
from .cell import CellRun
from .cell_checks import cell_record, reference_check
from .exact import exact_cell
from .families import fit_families
from .loop import Progress, run_jobs
from .readings import open_question, rare_condition, read_under, suspend

__all__ = ["Progress", "Verification"]

REFERENCE_TOLERANCE = 0.15  # references are compared to find gross mistakes; cells have their own tolerance


@dataclass(eq=False)
class Verification:
    """A run: which estimators on which problems, under which settings.

    Attributes:
        estimators: The estimators by name.
        problems: The problems.
        settings: What holds for every cell.
        command: How the run was asked for; it stands in the record.
        replay: A function from an estimator's and a problem's name to the command that repeats their cell.
    """

    estimators: dict[str, Estimator]
    problems: list[Problem]
    settings: Settings
    command: str = ""
    replay: Callable[[str, str], str] = lambda estimator, problem: ""
    workbench: Workbench = field(init=False)

    def __post_init__(self) -> None:
        by_name = {problem.name: problem for problem in self.problems}
        self.workbench = Workbench(self.settings, self.estimators.__getitem__, by_name.__getitem__)
        # A problem is held to its contract before anything is measured on it.
        self._hold_problems()
        self._refused: list[Cell] = []
        self.subjects = list(self._applicable())
        self._known = {(subject.name, subject.problem.name): _known_variance(subject) for subject in self.subjects}
        known = sum(variance is not None for variance in self._known.values())
        other = 2 * len(self.problems) + len(self.subjects) + known
        self.budget = ErrorBudget(self.settings.alpha, bias_cells=len(self.subjects), other_tests=other)

    @cached_property
    def runs(self) -> list[CellRun]:
        """The cells, in order."""
        return [self._cell(subject) for subject in self.subjects]

    def execute(self, executor: Executor | None = None, progress: Progress | None = None) -> Record:
        """Draw until every cell is closed, and return what was found.

        Ctrl-C and the time limit close the cells that are open; the record then says that it is not complete, or that it was
        cut by time.

        Args:
            executor: Where rows are drawn; None for this process. It is closed at the end.
            progress: Called for every cell that closes.
        """
        started, wall = time.perf_counter(), time.time()
        checks: dict[str, list[CellRun]] = {problem.name: [] for problem in self.problems}
        executor = executor or Inline(self.workbench)
        complete, truncated = True, False
        try:
            truncated = run_jobs(
                self.runs, executor, later=self._plan_checks(checks), progress=progress, seconds=self.settings.budget
            )
        except KeyboardInterrupt:
            complete = False
        finally:
            executor.close()
        for run in (*self.runs, *(run for runs in checks.values() for run in runs)):
            run.end("interrupted" if not complete else "time")
        compared = {name: self._compare_references(name, runs) for name, runs in checks.items()}
        timing = {"started": wall, "seconds": time.perf_counter() - started}
        head = replace(self._head(timing), complete=complete, time_truncated=truncated)
        cells = self._in_order([self._write(run, compared[run.problem]) for run in self.runs])
        families = tuple(fit_families(self.runs, self.problems, self._known))
        return Record(run=head, cells=(*_reference_cells(compared), *cells), families=families)

    def execute_exactly(self, progress: Progress | None = None) -> Record:
        """Run every estimator over all its draws instead of sampling it; see `exact`. Ctrl-C leaves the other cells out."""
        started, wall = time.perf_counter(), time.time()
        cells, complete = [], True
        try:
            for subject in self.subjects:
                cells.append(_read_exactly(exact_cell(subject), subject.reference))
                if progress is not None:
                    progress(len(cells), len(self.subjects), f"{subject.name} on {subject.problem.name}")
        except KeyboardInterrupt:
            complete = False
        head = self._head({"started": wall, "seconds": time.perf_counter() - started})
        budget = {"rule": "no error rate: means are computed over all draws"}
        return Record(run=replace(head, num_tests=0, budget=budget, complete=complete), cells=self._in_order(cells))

    def _hold_problems(self) -> None:
        """Run every problem's program, hold it to its contract, and find the reference that decides it."""
        for problem in self.problems:
            self.workbench.probe(problem.name)
        for problem in self.problems:
            hold_to_rows(self.workbench.problem(problem.name))
            self.workbench.reference(problem.name)

    def _applicable(self) -> Iterable[Subject]:
        """Yield the pairs that can be run; the others are written down with the reason."""
        for name, estimator in self.estimators.items():
            for problem in self.problems:
                if isinstance(estimator, TrainingStep) and not estimator.concerns(problem):
                    continue
                subject = self.workbench.subject(name, problem.name)
                reason = applicability(subject.unfitted, problem, subject.probe)
                if reason:
                    self._refused.append(_refusal(subject, reason))
                else:
                    yield subject

    def _plan_checks(self, checks: dict[str, list[CellRun]]) -> Iterator[list[CellRun]]:
        """Yield, problem by problem, the cells that test secondary references against the deciding one, entered in `checks`.

        A finite difference needs a pilot of a second or so; it is taken when the cells are on their way.
        """
        for problem in self.problems:
            checks[problem.name] = self._reference_runs(problem.name)
            yield checks[problem.name]

    def _reference_runs(self, problem: str) -> list[CellRun]:
        """Return a cell for every sampled reference that does not decide the problem and is not too dear."""
        drawn = [kind for kind, reason in self._secondary(problem).items() if not reason]
        subjects = (self.workbench.subject(kind, problem) for kind in drawn)
        return [CellRun(subject, self._reference_plan(subject), 0, self.budget.per_other_test) for subject in subjects]

    def _secondary(self, problem: str) -> dict[str, str]:
        return secondary_references(self.workbench.problem(problem), self.workbench.reference(problem).kind)

    def _compare_references(self, problem: str, runs: list[CellRun]) -> Check:
        left_out = {kind: reason for kind, reason in self._secondary(problem).items() if reason}
        return reference_check(runs, self.workbench.reference(problem), left_out)

    def _reference_plan(self, subject: Subject) -> BiasPlan:
        own = subject.own
        assert own is not None
        plan = subject.plan(
            alpha=self.budget.per_other_test,
            r_target=REFERENCE_TOLERANCE,
            r_accept=2 * REFERENCE_TOLERANCE,
            max_rows=self.settings.profile.reference_rows,
        )
        # A small step moves few uniforms across a threshold: rows that are all zero say nothing against a gradient.
        return replace(
            plan,
            deterministic_rows=False,
            seek_kind=False,
            reference_bias=np.asarray(plan.reference_bias) + own.bias_bound,
            gate_known=plan.gate_known and not own.assumes,
        )

    def _cell(self, subject: Subject) -> CellRun:
        profile = self.settings.profile
        rows = affordable_rows(profile, subject.unfitted, subject.probe)
        plan = subject.plan(alpha=self.budget.per_cell, r_target=profile.r_target, r_accept=profile.r_accept, max_rows=rows)
        alpha, exact = self.budget.per_other_test, self._known[subject.name, subject.problem.name]
        # A comparison with an exact variance needs the sample variance's own law to be near normal.
        least = min(profile.min_rows * (1 if exact is None else 8), rows)
        floor = variance_rounding(plan.scale, subject.problem.params.dtype)
        compared = None if exact is None else ExactVariance(exact, alpha, floor)
        return CellRun(subject, plan, least, alpha, compared)

    def _in_order(self, cells: list[Cell]) -> tuple[Cell, ...]:
        """Return the cells and the refusals, estimator by estimator."""
        written = {(cell.estimator, cell.problem): cell for cell in (*cells, *self._refused)}
        keys = ((name, problem.name) for name in self.estimators for problem in self.problems)
        return tuple(written[key] for key in keys if key in written)

    def _head(self, timing: dict[str, Any]) -> Run:
        head = run_head(
            command=self.command,
            profile=self.settings.profile.name,
            seed=self.settings.seed,
            device=self.settings.device,
            dtypes={self.workbench.problem(problem.name).params.dtype for problem in self.problems},
            alpha=self.settings.alpha,
            tolerance=self.settings.profile.r_accept,
            timing=timing,
        )
        budget = {"rule": self.budget.rule, "per_cell": self.budget.per_cell, "per_other_test": self.budget.per_other_test}
        return replace(head, num_tests=self.budget.bias_cells + self.budget.other_tests, budget=budget)

    def _write(self, run: CellRun, references: Check) -> Cell:
        cell = cell_record(run, self.replay(run.estimator, run.problem))
        question = open_question(self.workbench.reference(run.problem), references)
        if question:
            return suspend(cell, question)
        if references.outcome == "disagree":
            return _overrule(cell)
        return read_under(
            cell, run.subject.reference.reading, rare_condition(run.subject.reference, run.plan.p_gate), run.gate_note
        )


def _read_exactly(cell: Cell, reference: Reference) -> Cell:
    """Return the cell of an exact run under the reading of its reference, or without a verdict while that is open."""
    return suspend(cell, reference.question) if reference.question else read_under(cell, reference.reading)


def _known_variance(subject: Subject) -> float | None:
    """Return one replicate's exact variance if it can be computed."""
    if not has_known_variance(subject.unfitted, subject.problem):
        return None
    return known_variance(subject.fitted, subject.problem)


def _reference_cells(compared: dict[str, Check]) -> Iterator[Cell]:
    """Yield a cell for the references of each problem."""
    for problem, check in compared.items():
        status: Status = "failed" if check.outcome == "disagree" else "ok"
        yield Cell(estimator="references", problem=problem, status=status, checks=(check,))


def _refusal(subject: Subject, reason: str) -> Cell:
    check = Check(check="bias", outcome="not-applicable", note=f"not applicable: {reason}")
    facts = estimator_facts(subject.unfitted)
    return Cell(estimator=subject.name, problem=subject.problem.name, status="ok", checks=(check,), claims=facts)


def _overrule(cell: Cell) -> Cell:
    """Return a cell without its verdict, because the references of its problem contradict each other."""
    note = "the references of this problem disagree; no verdict can rest on them"
    checks = tuple(
        replace(check, outcome="failed", claim="none", note=note) if check.check == "bias" else check for check in cell.checks
    )
    return replace(cell, status="failed", checks=checks)
