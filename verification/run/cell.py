"""One cell in progress: which task it wants next, and what it makes of the results, in chunk order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from ...estimators.protocol import Estimator
from ..checks.conformance import Conformance
from ..checks.dependence import dispersion, largest_correlation, largest_dispersion, stale_seed
from ..checks.forward_law import ForwardLaw
from ..drawing.executors import Failure
from ..drawing.tasks import ChunkResult, ChunkTask, ConformanceResult, ConformanceTask, Overflow, Task
from ..plan import chunk_rows
from ..problems.problem import Probe
from ..statistics.bias import BiasPlan, BiasTest
from ..statistics.exact_variance import ExactVariance
from ..statistics.moments import Moments
from ..verdicts import EndReason

__all__ = ["CellRun"]


@dataclass(eq=False)
class CellRun:
    """An estimator on a problem while it is being decided.

    Attributes:
        estimator: Name of the estimator.
        problem: Name of the problem.
        subject: The estimator, as described.
        plan: The plan of its bias test.
        probe: What its program looks like.
        min_rows: Rows to draw at least, for the variance.
        law_alpha: False-alarm rate of the forward check.
        variance: The comparison with the exact variance of one replicate, where that is known.
        finding: The structural checks' answer, once known.
        forward: The forward check's answer, once known.
        fitted: The estimator as it was verified.
        failure: Set when a task gave no result.
        rows: Moments of all rows drawn, decided or not, without what was subtracted from them.
        seconds: Spent in the estimator, and the rows drawn meanwhile.
    """

    estimator: str
    problem: str
    subject: Estimator
    plan: BiasPlan
    probe: Probe
    min_rows: int
    law_alpha: float
    variance: ExactVariance | None = None
    finding: Conformance | None = None
    forward: ForwardLaw | None = None
    fitted: str = ""
    failure: Failure | None = None
    histogram: tuple[tuple[list[float], list[int]], ...] = ()
    timed_rows: int = 0
    seconds: float = 0.0
    test: BiasTest = field(init=False)
    rows: Moments = field(init=False)

    def __post_init__(self) -> None:
        self.test = BiasTest(self.plan)
        self.rows = Moments.empty(len(self.plan.channel_names))
        self._asked = False
        self._ahead: dict[int, ChunkTask | ChunkResult] = {}
        self._digests: list[bytes] = []
        self._chunks: list[Moments] = []
        self._begin("screen")

    @property
    def closed(self) -> bool:
        """Whether nothing more is to be drawn."""
        if self.failure is not None or (self.finding is not None and self.finding.outcome != "pass"):
            return True
        verdict = self.test.verdict
        if self.finding is None or verdict is None:
            return False
        return self._ended or (self._drawn and not (self.variance is not None and self.variance.waiting))

    @property
    def in_flight(self) -> int:
        """Tasks sent out and not yet answered."""
        waiting = sum(isinstance(each, ChunkTask) for each in self._ahead.values())
        return waiting + (self._asked and self.finding is None)

    def next_task(self) -> Task | None:
        """The task to send out next; None while an answer must come first."""
        if self.closed:
            return None
        if self.finding is None:
            if self._asked:
                return None
            self._asked = True
            return ConformanceTask(self.estimator, self.problem, self.law_alpha)
        return self._next_chunk()

    def receive(self, task: Task, result: ConformanceResult | ChunkResult | Failure) -> None:
        """Take the answer to a task. Chunks are used in their order, whatever the order in which they come."""
        if isinstance(result, Failure):
            self.failure = result
        elif isinstance(result, ConformanceResult):
            self.finding, self.forward, self.fitted = result.finding, result.forward, result.estimator
        elif isinstance(task, ChunkTask) and task.stage == self._stage and not self.closed:
            self._ahead[task.number] = result
            while isinstance(self._ahead.get(self._used), ChunkResult) and not self.closed:
                self._use(self._ahead.pop(self._used), self._tasks.pop(self._used))  # type: ignore[arg-type]

    def end(self, reason: EndReason) -> None:
        """Close the cell with what it has; a difference of variances that was not yet confirmed is none."""
        self.test.end(reason)
        self.min_rows = 0
        if self.variance is not None:
            self.variance.rows_wanted = 0

    @property
    def _ended(self) -> bool:
        # After a non-finite row there is no variance to draw more rows for, and perhaps no finite row to come.
        verdict = self.test.verdict
        return verdict is not None and (verdict.outcome == "failed" or verdict.reason == "gate")

    @property
    def _drawn(self) -> bool:
        """Whether the rows suffice for their variance, once there is a verdict."""
        return self.rows.count >= self.min_rows or self._constant

    def _begin(self, stage: str) -> None:
        self._stage = stage
        self._sizes: Iterator[int] = chunk_rows(self.subject, self.probe)
        self._sent, self._used, self._row = 0, 0, 0
        self._ahead.clear()
        self._tasks: dict[int, ChunkTask] = {}
        self._seen = Moments.empty(len(self.plan.channel_names))
        self._constant = False

    def _next_chunk(self) -> ChunkTask | None:
        if self._row >= self.test.planned[-1] and self.test.verdict is None:
            return None
        rows = next(self._sizes)
        looks = [each - self._row for each in self.test.planned if self._row < each < self._row + rows]
        task = ChunkTask(
            self.estimator,
            self.problem,
            self._stage,
            self._sent,
            rows,
            self._row,
            (*looks, rows),
            self.plan.channels,
        )
        self._ahead[self._sent] = task
        self._tasks[self._sent] = task
        self._sent += 1
        self._row += rows
        return task

    def _use(self, result: ChunkResult, task: ChunkTask) -> None:
        self._used += 1
        self.seconds += result.seconds
        self.timed_rows += task.rows
        self.histogram = self.histogram or result.histogram
        self._digests.append(result.digest)
        self._constant = result.constant and (self._constant or self._used == 1)
        if self._dependent(result, task):
            return
        if self._stage == "variance":
            self._confirm_variance(result)
            return
        for each, own in zip(result.moments, result.own, strict=True):
            self.rows = self.rows.merge(own)
            self._seen = self._seen.merge(each)
            self._look()
            if each.nonfinite and self.test.verdict is not None:
                self._overflowed(each.nonfinite, result.overflow)
                return
            if self._stage != task.stage:
                return
        self._screen_variance()

    def _screen_variance(self) -> None:
        """Compare with the exact variance when nothing else is left to draw; a difference asks for fresh rows."""
        test = self.variance
        if test is None or test.screened or self.test.verdict is None or self._ended or not self._drawn:
            return
        test.screen(self.rows, int(np.argmax(self.rows.variance[: self.plan.size])))
        if test.waiting:
            self._begin("variance")

    def _confirm_variance(self, result: ChunkResult) -> None:
        assert self.variance is not None
        for each in result.own:
            self._seen = self._seen.merge(each)
        if self._seen.nonfinite:
            self._overflowed(self._seen.nonfinite, result.overflow)
        elif self._seen.count >= self.variance.rows_wanted:
            self.variance.confirm(self._seen)

    def _overflowed(self, rows: int, found: Overflow | None) -> None:
        """Say where the first row that is not finite is and whether it comes back; or that the reference is at fault."""
        verdict = self.test.verdict
        assert verdict is not None
        if verdict.outcome != "failed" and found is not None:
            note = f"{rows} rows drawn after the verdict hold NaN or infinity; {found}"
            self.finding = Conformance("failed", "not finite", note)
        elif found is not None:
            reason = verdict.reason if found.repeated else "not reproducible"
            self.test.verdict = replace(verdict, reason=reason, note=f"{verdict.note}; {found}")
        elif verdict.outcome == "failed":
            note = "rows of the reference hold NaN or infinity, and none of the estimator's does"
            self.test.verdict = replace(verdict, outcome="inconclusive", reason="reference", note=note)

    def _look(self) -> None:
        """Show the test what it waits for; move to fresh rows when it asks for them."""
        if self.test.verdict is not None:
            return
        if self._seen.count < self.test.next_look and not self._seen.nonfinite:
            return
        self.test.update(self._seen)
        if self.test.verdict is None and self.test.stage != self._stage:
            self._begin(self.test.stage)

    def _dependent(self, result: ChunkResult, task: ChunkTask) -> bool:
        """Whether rows repeat or follow each other; that ends the cell."""
        limit = largest_correlation(task.rows)
        worst = max((abs(each) for each in result.correlation), default=0.0)
        if stale_seed(self._digests):
            note = "chunks drawn from different seeds hold the same rows: it reseeds itself, or ignores the generator given"
            self.finding = Conformance("failed", "repeated rows", note)
        elif worst > limit:
            note = f"rows of a chunk have correlation {worst:.3f} (limit {limit:.3f}); rows must be independent replicates"
            self.finding = Conformance("failed", "dependent rows", note)
        elif result.overflow is None:
            return self._sharing(reduce(Moments.merge, result.own))
        else:
            return False
        return True

    def _sharing(self, chunk: Moments) -> bool:
        """Whether the means of the chunks so far vary more than their rows' variance lets expect; that ends the cell."""
        self._chunks.append(chunk)
        if len(self._chunks) < 2:
            return False
        found, limit = float(dispersion(self._chunks).max()), largest_dispersion(len(self._chunks))
        if found <= limit:
            return False
        note = (
            f"the means of {len(self._chunks)} chunks vary {found:.3g} times as much as those of independent rows "
            f"(limit {limit:.3g}): rows of a call share noise"
        )
        self.finding = Conformance("failed", "dependent rows", note)
        return True
