"""The chunks of one stage of a cell: sent in order, answered in any order, used in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..drawing.tasks import ChunkResult, ChunkTask
from ..statistics.batches import Batches
from ..statistics.channels import Channels
from ..statistics.moments import Moments
from ..subject import Subject

__all__ = ["Stage"]


class Stage:
    """One stage of a cell.

    Args:
        name: The stage's name, which enters its seeds.
        subject: The estimator on the problem.
        channels: The linear functions of the error that are watched.
        sizes: The rows of each chunk.
        summed: True if batch sums are wanted beside moments.

    Attributes:
        seen: The moments of the errors so far.
        sides: The moments of the estimator's rows and of the sampled reference's; of no rows if the reference is a number.
        fresh: The batch sums since the last look; None if there are none.
        constant: True if all rows of the stage are equal.
    """

    def __init__(self, name: str, subject: Subject, channels: Channels, sizes: Iterator[int], *, summed: bool = False) -> None:
        self.name = name
        self.rows_sent = 0
        self.seen = Moments.empty(len(channels.names))
        self.sides = (self.seen, self.seen)
        self.fresh: Batches | None = None
        self.constant = False
        self._summed = summed
        self._subject, self._channels, self._sizes = subject, channels, sizes
        self._sent = self._used = 0
        self._tasks: dict[int, ChunkTask] = {}
        self._results: dict[int, ChunkResult] = {}

    @property
    def in_flight(self) -> int:
        """The number of chunks that were sent and not yet answered."""
        return len(self._tasks) - len(self._results)

    def next_task(self, planned: Sequence[int]) -> ChunkTask:
        """Return the next chunk to draw, its moments cut at the looks that fall into it.

        Args:
            planned: The row counts of the looks, from the start of the stage.
        """
        rows = next(self._sizes)
        looks = [look - self.rows_sent for look in planned if self.rows_sent < look < self.rows_sent + rows]
        name, problem = self._subject.name, self._subject.problem.name
        task = ChunkTask(
            name, problem, self.name, self._sent, rows, self.rows_sent, (*looks, rows), self._channels, self._summed
        )  # fmt: skip
        self._tasks[self._sent] = task
        self._sent += 1
        self.rows_sent += rows
        return task

    def add(self, errors: Moments, batches: Batches | None) -> None:
        """Enter the moments of further rows, and their batch sums."""
        self.seen = self.seen.merge(errors)
        if batches is not None:
            self.fresh = batches if self.fresh is None else self.fresh.follow(batches)

    def add_sides(self, own: Moments, reference: Moments) -> None:
        """Enter the moments of further rows of the estimator, and of the sampled reference, each by itself."""
        mine, theirs = self.sides
        self.sides = mine.merge(own), theirs.merge(reference)

    def take_fresh(self) -> Batches | None:
        """Return the batch sums since the last look, and start over."""
        fresh, self.fresh = self.fresh, None
        return fresh

    def keep(self, task: ChunkTask, result: ChunkResult) -> None:
        """Keep an answer until its turn comes."""
        self._results[task.number] = result

    def take(self) -> tuple[ChunkTask, ChunkResult] | None:
        """Return the next chunk in order and its answer, or None if it is not there yet."""
        if self._used not in self._results:
            return None
        task, result = self._tasks.pop(self._used), self._results.pop(self._used)
        self.constant = result.constant and (self.constant or self._used == 0)
        self._used += 1
        return task, result
