"""Spawned workers: the same record as without, and a worker's death or delay costs its own cell alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from threading import Timer
from typing import Any

import pytest

from gradverify.estimators.registry import load_estimator
from gradverify.verification.drawing.executors import Failure, Inline, Processes
from gradverify.verification.drawing.tasks import CheckResult, CheckTask
from gradverify.verification.plan import Settings, settle
from gradverify.verification.problems import find_problems
from gradverify.verification.record.record import Record
from gradverify.verification.run.verification import Verification
from gradverify.verification.workbench import registry_workbench

from ..targets import wrong

SETTINGS: Settings = settle(tolerance=0.5)
NAMES = ("bernoulli:0.3/cubic/p", "bits:3/cubic/logits")
PLACES = {name: name for name in NAMES}


DIED = "its worker process died (killed, out of memory, or a crash in native code)"
KILLED = f"{wrong.__file__}:killed"


def a_run() -> Verification:
    chosen = {each: load_estimator(each) for each in (KILLED, "leave_one_out", f"{wrong.__file__}:Forgetful")}
    return Verification(chosen, find_problems(NAMES, quick=False), SETTINGS)


@pytest.fixture(scope="module")
def with_a_death() -> Record:
    return a_run().execute(Processes(2, SETTINGS, PLACES))


@pytest.fixture
def one_worker() -> Iterator[Processes]:
    made = Processes(1, SETTINGS, PLACES, limit=120.0)
    yield made
    made.close()


def test_a_worker_that_dies_costs_its_own_cell_alone(with_a_death: Record) -> None:
    """The cells that were in flight beside it are run again and decided."""
    (dead,) = [each for each in with_a_death.cells if each.status != "ok"]
    assert (dead.estimator, dead.problem, dead.status) == (KILLED, "bits:3/cubic/logits", "crashed")
    assert [(each.check, each.outcome, each.note) for each in dead.checks] == [("bias", "failed", DIED)]


def test_the_record_is_that_of_a_run_without_workers(with_a_death: Record) -> None:
    """Bit by bit, where nobody dies: the same rows in the same order, whoever drew them."""

    class Survivor(Inline):
        """Answers the deadly task as its executor would."""

        def next(self) -> tuple[Any, Any]:
            key, task = self._queue[0]
            if (task.estimator, task.problem) != (KILLED, NAMES[1]):
                return super().next()
            self._queue.popleft()
            return key, Failure("crashed", DIED)

    run = a_run()
    assert without_clocks(with_a_death) == without_clocks(run.execute(Survivor(run.workbench)))


def without_clocks(record: Record) -> Any:
    """Everything but what stands under ``timing``."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if key != "timing"}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return strip(json.loads(record.to_json()))


def test_a_task_that_takes_too_long_is_ended_and_the_next_one_runs(one_worker: Processes) -> None:
    good = CheckTask("leave_one_out", NAMES[0], 1e-6)
    one_worker.submit(1, good)
    key, result = one_worker.next()
    assert key == 1
    assert isinstance(result, CheckResult)
    one_worker._limit = 1.0
    one_worker.submit(2, CheckTask(f"{wrong.__file__}:Impatient", NAMES[1], 1e-6))
    one_worker.submit(3, good)
    key, result = one_worker.next()
    assert (key, result.status) == (2, "timeout")
    assert "longer than 1 seconds" in result.note
    one_worker._limit = 120.0
    key, result = one_worker.next()
    assert key == 3
    assert result.findings["conformance"].outcome == "pass"


class ScriptedPool:
    """Breaks on one task, leaves others unanswered until that one was tried alone, and a pair until both are there."""

    def __init__(self) -> None:
        self.deaths = 0
        self.pair: dict[str, Future[str]] = {}

    def submit(self, work: object, task: str) -> Future[str]:
        future: Future[str] = Future()
        if task == "deadly":
            self.deaths += 1
            future.set_exception(BrokenProcessPool())
        elif task in ("left", "right"):
            self.pair[task] = future
            if len(self.pair) == 2:
                for name, each in self.pair.items():
                    each.set_result(name)
        elif self.deaths == 2:
            future.set_result(task)
        return future

    def shutdown(self, **_: object) -> None:
        """Nothing to end."""


def test_after_a_death_tasks_run_side_by_side_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what was in flight is tried alone; what is sent meanwhile waits, and is not tried alone too."""
    pool: Any = ScriptedPool()
    monkeypatch.setattr(Processes, "_start", lambda self: pool)
    monkeypatch.setattr(Processes, "close", lambda self: None)
    executor = Processes(2, SETTINGS, PLACES, limit=5.0)
    tasks: list[Any] = ["deadly", "first", "second", "left", "right"]
    for key in range(3):
        executor.submit(key, tasks[key])
    assert executor.next() == (0, Failure("crashed", DIED))
    for key in (3, 4):
        executor.submit(key, tasks[key])
    assert dict(executor.next() for _ in range(4)) == {1: "first", 2: "second", 3: "left", 4: "right"}


class SpentOnce:
    """A pool whose first task uses up its worker's memory; later pools answer."""

    def __init__(self, number: int) -> None:
        self.number = number

    def submit(self, work: object, task: str) -> Future[Any]:
        future: Future[Any] = Future()
        if task == "greedy":
            future.set_result(Failure("crashed", "out of memory", spent=True))
        elif self.number > 1:
            future.set_result(task)
        return future


def test_a_worker_whose_memory_is_used_up_is_replaced_and_nobody_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    pools: list[Any] = []

    def start(self: Processes) -> Any:
        pools.append(SpentOnce(len(pools) + 1))
        return pools[-1]

    monkeypatch.setattr(Processes, "_start", start)
    monkeypatch.setattr(Processes, "close", lambda self: None)
    executor = Processes(2, SETTINGS, PLACES, limit=5.0)
    tasks: list[Any] = ["greedy", "modest"]
    for key, task in enumerate(tasks):
        executor.submit(key, task)
    assert executor.next() == (0, Failure("crashed", "out of memory", spent=True))
    assert executor.next() == (1, "modest")
    assert len(pools) == 2


class SlowToStart:
    """A pool whose first worker comes up late, and then answers at once."""

    def __init__(self) -> None:
        self.up: Future[int] = Future()
        self.asked: dict[Any, Future[Any]] = {}

    def submit(self, work: object, task: Any) -> Future[Any]:
        return self.asked.setdefault(task, Future())

    def come_up(self) -> None:
        for task, future in self.asked.items():
            future.set_result(task)
        self.up.set_result(0)


def test_a_worker_that_starts_slowly_costs_nobody_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is shorter than the start; without its own allowance the first task would be given up."""
    pool: Any = SlowToStart()

    def start(self: Processes) -> Any:
        self._started = pool.up
        return pool

    monkeypatch.setattr(Processes, "_start", start)
    executor = Processes(1, SETTINGS, PLACES, limit=0.01)
    task: Any = "patient"
    executor.submit("key", task)
    Timer(0.2, pool.come_up).start()
    assert executor.next() == ("key", "patient")


def test_what_a_task_raises_is_its_own_failure() -> None:
    workbench = registry_workbench(SETTINGS, PLACES)
    workbench.find_estimator = lambda name: wrong.raising(ZeroDivisionError("no rows\nto spare"))
    executor = Inline(workbench)
    executor.submit("a", CheckTask("x", NAMES[0], 1e-6))
    key, result = executor.next()
    assert key == "a"
    assert result.status == "crashed"
    assert result.note.startswith("ZeroDivisionError at wrong.py:")
    assert result.note.endswith("no rows")
