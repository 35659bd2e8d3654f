"""The one loop over tasks: fairness, jobs that come later, and the time limit."""

from __future__ import annotations

from collections import deque
from typing import Any

from gradverify.verification.run.loop import run_jobs


class Echo:
    """An executor that answers tasks with themselves, in order."""

    capacity = 3

    def __init__(self) -> None:
        self.log: list[Any] = []
        self._queue: deque[tuple[Any, Any]] = deque()

    def submit(self, key: Any, task: Any) -> None:
        self.log.append(task)
        self._queue.append((key, task))

    def next(self) -> tuple[Any, Any]:
        return self._queue.popleft()

    def close(self) -> None:
        self._queue.clear()


class Counting:
    """A job of so many tasks, all of which may be out at once."""

    def __init__(self, label: str, tasks: int) -> None:
        self.label, self._left, self._out, self.received = label, tasks, 0, 0
        self._tasks = tasks

    @property
    def closed(self) -> bool:
        return self.received == self._tasks

    @property
    def in_flight(self) -> int:
        return self._out

    def next_task(self) -> Any:
        if not self._left:
            return None
        self._left -= 1
        self._out += 1
        return self.label

    def receive(self, task: Any, result: Any) -> None:
        assert task == result == self.label
        self._out -= 1
        self.received += 1


def test_every_job_gets_one_task_before_any_gets_a_second() -> None:
    executor, told = Echo(), []
    assert not run_jobs([Counting("a", 3), Counting("b", 1)], executor, progress=lambda *step: told.append(step))
    assert executor.log[:2] == ["a", "b"]
    assert sorted(executor.log) == ["a", "a", "a", "b"]
    assert [name for _, _, name in told] == ["b", "a"]
    assert told[-1][:2] == (2, 2)


def test_jobs_that_are_planned_on_the_way_are_run_too() -> None:
    executor = Echo()
    late = Counting("late", 2)
    run_jobs([Counting("a", 1)], executor, later=iter([[late], []]))
    assert late.closed
    assert executor.log[0] == "a"


def test_a_time_limit_leaves_jobs_open_and_says_so() -> None:
    job = Counting("a", 5)
    assert run_jobs([job], Echo(), seconds=-1.0)
    assert not job.closed
