"""The one loop over tasks: keep an executor fed until every job is closed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from ..drawing.executors import Executor
from ..drawing.tasks import Task

__all__ = ["Job", "Progress", "run_jobs"]

Progress = Callable[[int, int, str], None]
"""A function that is called with the jobs closed, the jobs in all, and the name of the job that closed last."""


class Job(Protocol):
    """Something that asks for tasks, one after another or several at a time, until it has its answer."""

    @property
    def label(self) -> str:
        """The name of the job, for a reader."""
        ...

    @property
    def closed(self) -> bool:
        """True if the job asks for nothing more."""
        ...

    @property
    def in_flight(self) -> int:
        """The number of its tasks that were sent out and not yet answered."""
        ...

    def next_task(self) -> Task | None:
        """Return the task to send out next, or None if an answer must come first."""
        ...

    def receive(self, task: Any, result: Any) -> None:
        """Take the answer to a task."""
        ...


_J = TypeVar("_J", bound=Job)


def run_jobs(
    jobs: Sequence[_J],
    executor: Executor,
    *,
    later: Iterator[Sequence[_J]] | None = None,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> bool:
    """Run jobs until all are closed.

    Every open job gets one task before any gets a second, so that few rows are drawn in vain.

    Args:
        jobs: The jobs.
        executor: Where their tasks run; it is left open.
        later: Further jobs, planned while others are on their way; they come first in line, as others rest on them.
        progress: Called for every job that closes.
        seconds: Stop after this time.

    Returns:
        True if the time ran out first.
    """
    deadline = time.monotonic() + seconds if seconds is not None else math.inf
    waiting: dict[int, tuple[_J, Task]] = {}
    ticket, all_jobs, closed = 0, [*jobs], set[int]()
    more: Sequence[_J] | None = ()
    while True:
        closed |= {id(job) for job in all_jobs if job.closed}
        live = [job for job in all_jobs if id(job) not in closed]
        if not live and more is None:
            return False
        if time.monotonic() > deadline:
            return True
        for job in sorted(live, key=lambda job: job.in_flight):
            if len(waiting) >= executor.capacity:
                break
            task = job.next_task()
            if task is not None:
                ticket += 1
                waiting[ticket] = (job, task)
                executor.submit(ticket, task)
        more = next(later, None) if later is not None else None
        all_jobs[:0] = more or ()
        if not waiting:
            continue
        key, result = executor.next()
        job, task = waiting.pop(key)
        if not job.closed:
            job.receive(task, result)
            if job.closed and progress is not None:
                progress(len(closed) + 1, len(all_jobs), job.label)
