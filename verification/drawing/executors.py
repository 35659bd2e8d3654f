"""Executors run tasks, in this process or in spawned ones."""

from __future__ import annotations

import multiprocessing
import traceback
from collections import deque
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol

from ...estimators.adapters import ForeignError
from ..foreign.isolation import isolate, message_of, out_of_memory
from ..plan import Settings
from ..problems.registry import is_own
from ..verdicts import Ending
from ..workbench import Workbench, registry_workbench
from .pools import end_pool, start_pool
from .tasks import Task

__all__ = ["Executor", "Failure", "Inline", "Processes", "perform_guarded"]

_START = 120.0  # seconds in which a worker must come up


@dataclass(frozen=True)
class Failure:
    """A task that gave no result.

    Attributes:
        status: ``crashed`` or ``timeout``; ``failed`` where foreign code broke its own convention.
        note: What happened, in one sentence.
        spent: The process that ran it has used up its memory, and is not to be used again.
    """

    status: Ending
    note: str
    spent: bool = False


class Executor(Protocol):
    """Runs tasks, in any order, and hands back results one at a time."""

    capacity: int

    def submit(self, key: Any, task: Task) -> None:
        """Take a task; `key` comes back with its result."""
        ...

    def next(self) -> tuple[Any, Any]:
        """Wait for one result: its key, and a result or a `Failure`."""
        ...

    def close(self) -> None:
        """Stop, at once."""
        ...


class Inline:
    """Runs each task when its result is asked for, in this process."""

    capacity = 1

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        self._queue: deque[tuple[Any, Task]] = deque()

    def submit(self, key: Any, task: Task) -> None:
        """Queue a task."""
        self._queue.append((key, task))

    def next(self) -> tuple[Any, Any]:
        """Run the task that waited longest."""
        key, task = self._queue.popleft()
        return key, perform_guarded(self._workbench, task)

    def close(self) -> None:
        """Forget what waits."""
        self._queue.clear()


class Processes:
    """Spawned worker processes with one PyTorch thread each.

    When a worker dies, every task in flight is run again, one at a time, so that the one which kills its worker is known
    and no other is blamed. A task that takes longer than ``limit`` seconds is ended with its worker.

    Args:
        workers: Number of processes.
        settings: The run's settings.
        problems: Name of each problem -> the target that finds it.
        limit: Seconds that one task may take.
    """

    def __init__(self, workers: int, settings: Settings, problems: Mapping[str, str], limit: float = 600.0) -> None:
        self.capacity = 2 * workers
        self._workers = workers
        self._arguments = (settings, dict(problems))
        self._limit = limit
        self._flying: dict[Future[Any], tuple[Any, Task]] = {}
        self._suspects: deque[tuple[Any, Task]] = deque()
        self._held: deque[tuple[Any, Task]] = deque()
        self._alone: Future[Any] | None = None
        self._started: Future[int] | None = None
        self._pool = self._start()

    def submit(self, key: Any, task: Task) -> None:
        """Send a task to the pool; while a suspect is being tried it waits its turn."""
        if self._suspects or self._alone is not None:
            self._held.append((key, task))
        else:
            self._send(key, task)

    def next(self) -> tuple[Any, Any]:
        """Wait for one result."""
        while True:
            if not self._flying and self._suspects:
                self._alone = self._send(*self._suspects.popleft())
            while self._held and not self._suspects and self._alone is None:
                self._send(*self._held.popleft())
            self._await_start()
            done, _ = wait(self._flying, timeout=self._limit, return_when=FIRST_COMPLETED)
            if not done:
                return self._expire()
            future = next(iter(done))
            key, task = self._flying.pop(future)
            try:
                result = future.result()
            except BrokenProcessPool:
                blamed = self._broken(future, key, task)
                if blamed is not None:
                    return blamed
                continue
            if future is self._alone:
                self._alone = None
            if isinstance(result, Failure) and result.spent:
                self._renew()
            return key, result

    def close(self) -> None:
        """End the workers without waiting for what they do."""
        end_pool(self._pool, self._others)

    def _start(self) -> ProcessPoolExecutor:
        self._others = {child.pid for child in multiprocessing.active_children()}
        pool = start_pool(self._workers, _enter, self._arguments)
        self._started = pool.submit(int)
        return pool

    def _await_start(self) -> None:
        """Let a first worker come up before time is counted: importing PyTorch is no task's fault."""
        if self._started is not None:
            wait([self._started], timeout=max(self._limit, _START))
            self._started = None

    def _send(self, key: Any, task: Task) -> Future[Any]:
        try:
            future = self._pool.submit(_work, task)
        except BrokenProcessPool:
            self._restart()
            future = self._pool.submit(_work, task)
        self._flying[future] = (key, task)
        return future

    def _restart(self) -> None:
        self.close()
        self._pool = self._start()

    def _renew(self) -> None:
        """Start again with fresh workers; what was in flight is no suspect, and is sent again."""
        waiting = [*self._flying.values()]
        self._flying.clear()
        self._restart()
        for key, task in waiting:
            self._send(key, task)

    def _broken(self, future: Future[Any], key: Any, task: Task) -> tuple[Any, Any] | None:
        """A worker died: blame the task if it ran alone, else try everything in flight alone."""
        alone = future is self._alone
        self._alone = None
        self._suspects.extendleft([*self._flying.values()][::-1])
        self._flying.clear()
        self._restart()
        if alone:
            return key, Failure("crashed", "its worker process died (killed, out of memory, or a crash in native code)")
        self._suspects.appendleft((key, task))
        return None

    def _expire(self) -> tuple[Any, Any]:
        future = next(iter(self._flying))
        key, _ = self._flying.pop(future)
        self._suspects.extend(self._flying.values())
        self._flying.clear()
        self._alone = None
        self._restart()
        return key, Failure("timeout", f"one task took longer than {self._limit:g} seconds and was ended")


_workbench: Workbench | None = None


def _enter(settings: Settings, problems: Mapping[str, str]) -> None:
    """Prepare a worker: its own workbench, and foreign code isolated."""
    global _workbench
    if settings.conventions or not all(map(is_own, problems.values())):
        isolate(limited=settings.device == "cpu")
    _workbench = registry_workbench(settings, problems)


def _work(task: Task) -> Any:
    assert _workbench is not None
    try:
        return perform_guarded(_workbench, task)
    except BaseException as error:  # a KeyboardInterrupt that foreign code raised would end the run in the parent
        return _failure(error)


def perform_guarded(workbench: Workbench, task: Task) -> Any:
    """Return the result of a task, or what it raised as a `Failure`."""
    try:
        return task.perform(workbench)
    except (Exception, SystemExit) as error:
        return _failure(error)


def _failure(error: BaseException) -> Failure:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rsplit('/', 1)[-1]}:{place.lineno}"
    lines = message_of(error).splitlines() or [""]
    status: Ending = "failed" if isinstance(error, ForeignError) else "crashed"
    note = f"{type(error).__name__} at {where}: {lines[0]}"[:500]
    return Failure(status, note, spent=out_of_memory(error))
