"""One cell in progress: which task it wants next, and what it makes of the results, in chunk order."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import numpy as np

from ..checks.catalogue import Finding
from ..checks.conformance import Conformance
from ..checks.independence import IndependenceWatch
from ..drawing.executors import Failure
from ..drawing.tasks import CheckResult, CheckTask, ChunkResult, ChunkTask, Overflow, Task
from ..plan import chunk_rows
from ..statistics.bias import BiasPlan, BiasTest
from ..statistics.exact_variance import ExactVariance
from ..statistics.moments import Moments
from ..subject import Subject
from ..verdicts import EndReason
from .stage import Stage
from .totals import Totals

__all__ = ["CellRun"]


class CellRun:
    """An estimator on a problem while it is being decided.

    Its parts are the findings of the checks, the stage whose chunks are drawn, and what watches these chunks: the test of
    bias, the comparison with an exact variance, the totals of all rows, and their independence.

    Args:
        subject: The estimator on the problem.
        plan: The plan of its bias test.
        min_rows: The rows to draw at least, for the variance.
        check_alpha: The false-alarm rate of the checks before the first row.
        variance: The comparison with the exact variance of one replicate, if that is known.

    Attributes:
        findings: The findings of the checks by name; ``conformance`` is the one that may end the cell.
        verified: A description of the estimator as it was verified.
        gate_note: A sentence on rare outcomes that were left out of the gate, because they carry nothing.
        failure: The failure of a task that gave no result.
        test: The test of bias.
        totals: The sums over all rows.
    """

    def __init__(
        self, subject: Subject, plan: BiasPlan, min_rows: int, check_alpha: float, variance: ExactVariance | None = None
    ) -> None:
        self.subject, self.plan, self.variance = subject, plan, variance
        self.findings: dict[str, Finding] = {}
        self.verified = self.gate_note = ""
        self.failure: Failure | None = None
        self.test = BiasTest(plan)
        self.totals = Totals(len(plan.channel_names))
        self._min_rows, self._check_alpha = min_rows, check_alpha
        self._independence = IndependenceWatch()
        self._asked = False
        self._begin("screen")

    @property
    def estimator(self) -> str:
        """The name of the estimator."""
        return self.subject.name

    @property
    def problem(self) -> str:
        """The name of the problem."""
        return self.subject.problem.name

    @property
    def label(self) -> str:
        """The name of the cell, for a reader."""
        return f"{self.estimator} on {self.problem}"

    @property
    def rows(self) -> Moments:
        """The moments of all rows drawn."""
        return self.totals.rows

    @property
    def finding(self) -> Conformance | None:
        """The finding that may end the cell, once the checks are made."""
        finding = self.findings.get("conformance")
        assert finding is None or isinstance(finding, Conformance)
        return finding

    @property
    def closed(self) -> bool:
        """True if nothing more is to be drawn."""
        if self.failure is not None or (self.finding is not None and self.finding.outcome != "pass"):
            return True
        if self.finding is None or self.test.verdict is None:
            return False
        return self._ended or (self._enough_rows and not (self.variance is not None and self.variance.waiting))

    @property
    def in_flight(self) -> int:
        """The number of tasks that were sent out and not yet answered."""
        return self._stage.in_flight + (self._asked and self.finding is None)

    def next_task(self) -> Task | None:
        """Return the task to send out next, or None if an answer must come first."""
        if self.closed:
            return None
        if self.finding is None:
            if self._asked:
                return None
            self._asked = True
            return CheckTask(self.estimator, self.problem, self._check_alpha)
        if self._stage.rows_sent >= self.test.planned[-1] and self.test.verdict is None:
            return None
        return self._stage.next_task(self.test.planned)

    def receive(self, task: Task, result: CheckResult | ChunkResult | Failure) -> None:
        """Take the answer to a task. Chunks are used in their order, whatever the order in which they come."""
        if isinstance(result, Failure):
            self.failure = result
        elif isinstance(result, CheckResult):
            self.findings, self.verified = dict(result.findings), result.estimator
            if result.gate is not None:
                unseen = np.asarray(self.plan.reference_bias) + result.gate.carried
                self.plan = replace(self.plan, p_gate=result.gate.p_gate, reference_bias=unseen, known_reach=result.gate.reach)
                self.test, self.gate_note = BiasTest(self.plan), result.gate.note
            self.test.waiting = result.waiting
        elif isinstance(task, ChunkTask) and task.stage == self._stage.name and not self.closed:
            self._stage.keep(task, result)
            while not self.closed and (ready := self._stage.take()) is not None:
                self._use(*ready)

    def end(self, reason: EndReason) -> None:
        """Close the cell with what it has; a difference of variances that was not yet confirmed is none."""
        self.test.end(reason)
        self._min_rows = 0
        if self.variance is not None:
            self.variance.rows_wanted = 0
        self._recall_overflow()

    @property
    def _ended(self) -> bool:
        # After a non-finite row there is no variance to draw more rows for, and perhaps no finite row to come.
        verdict = self.test.verdict
        return verdict is not None and (verdict.outcome == "failed" or verdict.reason == "gate")

    @property
    def _enough_rows(self) -> bool:
        """True if the rows suffice for their variance, once there is a verdict."""
        return self.rows.count >= self._min_rows or self._stage.constant

    def _begin(self, stage: str) -> None:
        sizes = chunk_rows(self.subject.unfitted, self.subject.probe)
        # The confirm stage of a vector also watches the direction that the screen found.
        plan = self.test.plan
        summed = stage != "variance" and (plan.size > 1 or not self.subject.reference.exact)
        self._stage = Stage(stage, self.subject, plan.channels, sizes, summed=summed)

    def _use(self, task: ChunkTask, result: ChunkResult) -> None:
        self.totals.add_cost(task, result)
        dependent = self._find_dependence(task, result)
        if dependent is not None:
            self.findings["conformance"] = dependent
        elif task.stage == "variance":
            self._confirm_variance(result)
        else:
            self._look_at(task, result)
        self._recall_overflow()

    def _find_dependence(self, task: ChunkTask, result: ChunkResult) -> Conformance | None:
        """Return a finding if a call changed what others share, or if rows repeat, follow each other or share noise."""
        if result.fault:
            return Conformance("failed", "shared state", result.fault)
        finding = self._independence.compare(task.stage, task.number, task.rows, result.digest, result.correlation)
        if finding is None and result.overflow is None:
            whole = reduce(Moments.merge, result.own)
            finding = self._independence.spread(whole.first(len(self.plan.channel_names)))
        return finding

    def _look_at(self, task: ChunkTask, result: ChunkResult) -> None:
        """Show the chunk to the test of bias, split by split, as long as the stage lasts."""
        batches = result.batches or (None,) * len(result.moments)
        for at, (errors, own, sums) in enumerate(zip(result.moments, result.own, batches, strict=True)):
            self.totals.add_rows(own)
            self._stage.add(errors, sums if self.test.verdict is None else None)
            if result.reference:
                self._stage.add_sides(own, result.reference[at])
            self._look()
            if errors.nonfinite and self.test.verdict is not None:
                self._explain_overflow(errors.nonfinite, result.overflow)
                return
            if self._stage.name != task.stage:
                return
        self._screen_variance()

    def _look(self) -> None:
        """Show the test what it waits for; move to fresh rows when it asks for them."""
        seen = self._stage.seen
        if self.test.verdict is not None or (seen.count < self.test.next_look and not seen.nonfinite):
            return
        sides = self._stage.sides if self.subject.reference.sampler else ()
        self.test.update(seen, self._stage.take_fresh(), sides)
        if self.test.verdict is None and self.test.stage != self._stage.name:
            self._begin(self.test.stage)

    def _screen_variance(self) -> None:
        """Compare with the exact variance when nothing else is left to draw; a difference asks for fresh rows."""
        test = self.variance
        if test is None or test.screened or self.test.verdict is None or self._ended or not self._enough_rows:
            return
        test.screen(self.rows, int(np.argmax(self.rows.variance[: self.plan.size])))
        if test.waiting:
            self._begin("variance")

    def _confirm_variance(self, result: ChunkResult) -> None:
        assert self.variance is not None
        self._stage.seen = reduce(Moments.merge, result.own, self._stage.seen)
        seen = self._stage.seen
        if seen.nonfinite:
            self._explain_overflow(seen.nonfinite, result.overflow)
        elif seen.count >= self.variance.rows_wanted:
            self.variance.confirm(seen)

    def _recall_overflow(self) -> None:
        """Fail a cell whose rows were all finite, if a check before them saw rows that were not."""
        seen, verdict = self.finding, self.test.verdict
        if seen is not None and seen.overflow and self.closed and verdict is not None and verdict.outcome != "failed":
            self.findings["conformance"] = Conformance("failed", "not finite", seen.overflow)

    def _explain_overflow(self, rows: int, overflow: Overflow | None) -> None:
        """Note where the first row that is not finite is and whether it comes back; or that the reference is at fault."""
        verdict = self.test.verdict
        assert verdict is not None
        if verdict.outcome != "failed" and overflow is not None:
            note = f"{rows} rows drawn after the verdict hold NaN or infinity; {overflow}"
            self.findings["conformance"] = Conformance("failed", "not finite", note)
        elif overflow is not None:
            reason = verdict.reason if overflow.repeated else "not reproducible"
            self.test.verdict = replace(verdict, reason=reason, note=f"{verdict.note}; {overflow}")
        elif verdict.outcome == "failed":
            note = "rows of the reference hold NaN or infinity, and none of the estimator's does"
            self.test.verdict = replace(verdict, outcome="inconclusive", reason="reference", note=note)
