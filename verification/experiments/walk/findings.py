"""The results of a design: selections of them, and means over seeds with their intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scipy import stats

from ..spread import CONFIDENCE, Spread
from .accuracy import Accuracy
from .design import Design, Loss, Split, jobs
from .fit import FigureName
from .job_result import JobResult

__all__ = ["Findings"]


@dataclass(frozen=True, eq=False)
class Findings:
    """Results together with their design.

    Attributes:
        design: The design.
        results: The results of the finished jobs.
    """

    design: Design
    results: tuple[JobResult, ...]

    def select(
        self, *, split: Split | None = None, loss: Loss | None = None, names: Iterable[str] | None = None
    ) -> list[JobResult]:
        """Return the results of one split, one loss and some estimators; None selects all."""
        chosen = None if names is None else set(names)
        return [
            each
            for each in self.results
            if split in (None, each.job.split)
            and loss in (None, each.job.loss)
            and (chosen is None or each.job.estimator in chosen)
        ]

    @property
    def evidence(self) -> Findings:
        """The findings without results that say nothing about a gradient: crashed, not applicable, not finite."""
        return replace(self, results=tuple(each for each in self.results if each.status in ("descended", "no gradient")))

    def lost(self, names: Iterable[str]) -> list[JobResult]:
        """Return the results of these estimators that should be evidence but crashed or are not finite."""
        return [each for each in self.select(names=names) if each.status in ("crashed", "not finite")]

    def spread(self, result: JobResult, figure: FigureName, start: int) -> Spread:
        """Return one figure over the seeds of one start, given by its place among the starts."""
        return Spread.of(result.figures[figure][start])

    def spreads(self, figure: FigureName, names: Iterable[str], split: Split | None = None) -> list[Spread]:
        """Return one figure at every start and loss, for one split or all."""
        places = range(len(self.design.starts))
        chosen = self.select(names=names, split=split)
        return [self.spread(result, figure, place) for result in chosen for place in places]

    @property
    def intervals(self) -> int:
        """The number of gradient intervals in the whole design, which share one error rate of 5 %."""
        return len(jobs(self.design)) * (len(self.design.starts) + 1)

    def bias(self, measured: Accuracy) -> Spread:
        """Return a gradient's bias with an interval; all intervals of the design together hold with 95 %."""
        bias = measured.mean - measured.exact
        reach = float(stats.t.isf((1 - CONFIDENCE) / 2 / self.intervals, measured.batches - 1)) * measured.error
        return Spread(mean=bias, low=bias - reach, high=bias + reach)
