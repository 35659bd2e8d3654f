"""One cell in progress: which task it wants next, and what it makes of the results, in chunk order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..estimators.protocol import Estimator
from .bias import BiasPlan, BiasTest
from .conformance import Conformance
from .dependence import largest_correlation, stale_seed
from .executors import Failure
from .forward_law import ForwardLaw
from .moments import Moments
from .plan import chunk_rows
from .problems.problem import Probe
from .work import ChunkResult, ChunkTask, ConformanceResult, ConformanceTask, Task

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
        self._begin("screen")

    @property
    def closed(self) -> bool:
        """Whether nothing more is to be drawn."""
        if self.failure is not None or (self.finding is not None and self.finding.outcome != "pass"):
            return True
        verdict = self.test.verdict
        if self.finding is None or verdict is None:
            return False
        # After a non-finite row there is no variance to draw more rows for, and perhaps no finite row to come.
        ended = verdict.outcome == "failed" or verdict.reason == "gate"
        return ended or self.rows.count >= self.min_rows or self._constant

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

    def end(self, reason: str) -> None:
        """Close the cell with what it has."""
        self.test.end(reason)
        self.min_rows = 0

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
        for each, own in zip(result.moments, result.own, strict=True):
            self.rows = self.rows.merge(own)
            self._seen = self._seen.merge(each)
            self._look()
            if each.nonfinite and self.test.verdict is not None and self.test.verdict.outcome != "failed":
                note = f"{each.nonfinite} rows drawn after the verdict hold NaN or infinity"
                self.finding = Conformance("failed", "not finite", note)
                return
            if self._stage != task.stage:
                return

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
        else:
            return False
        return True
