"""The searches for where biases enter, as tasks: what one of them does costs its own check, and changes no verdict."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gradverify.estimators import StraightThrough
from gradverify.verification.attribution.search import attribution_check
from gradverify.verification.attribution.task import AttributionTask
from gradverify.verification.drawing.executors import Failure, Inline
from gradverify.verification.plan import settle
from gradverify.verification.record.head import run_head
from gradverify.verification.record.record import Cell, Check, Record
from gradverify.verification.report import exit_status, validate
from gradverify.verification.run.attribution import attribute_record
from gradverify.verification.workbench import registry_workbench

CUBIC = "bernoulli:0.3/cubic/p"
LINEAR = "categorical:4/linear/logits"


def record(*outcomes: str) -> Record:
    """A record of cells with these outcomes, on one problem each."""
    head = run_head(
        command="",
        profile="quick",
        seed=0,
        device="cpu",
        dtypes={torch.float64},
        alpha=1e-3,
        tolerance=0.1,
        timing={},
    )
    cells = tuple(
        Cell(estimator=f"rule {place}", problem=CUBIC, status="ok", checks=(Check(check="bias", outcome=outcome),))
        for place, outcome in enumerate(outcomes)
    )
    return Record(run=head, cells=cells)


class Played:
    """An executor that answers what it is told to, two tasks at most in flight."""

    capacity = 2

    def __init__(self, *answers: Any) -> None:
        self.answers, self.tasks, self.closed, self.most = list(answers), {}, False, 0

    def submit(self, key: Any, task: Any) -> None:
        self.tasks[key] = task
        self.most = max(self.most, len(self.tasks))

    def next(self) -> tuple[Any, Any]:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        key = next(iter(self.tasks))
        self.last = self.tasks.pop(key)
        return key, answer

    def close(self) -> None:
        self.closed = True


FOUND = Check(check="attribution", outcome="site 0")


def test_a_search_that_crashes_is_its_own_outcome_and_the_others_go_on() -> None:
    played = Played(FOUND, Failure("crashed", "its worker process died"), FOUND)
    told: list[tuple[int, int]] = []
    made = attribute_record(record("biased", "unbiased", "biased", "biased"), 1e-3, played, lambda *at: told.append(at[:2]))
    validate(made)
    assert [(each.find("attribution") or Check(check="", outcome="none")).outcome for each in made.cells] == [
        "site 0",
        "none",
        "crashed",
        "site 0",
    ]
    assert played.closed
    assert played.most == 2
    assert played.last == AttributionTask("rule 3", CUBIC, 1e-3 / 3)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert made.run.complete
    assert [each.status for each in made.cells] == ["ok"] * 4
    assert exit_status(made) == 4


def test_ctrl_c_keeps_what_was_found() -> None:
    played = Played(FOUND, KeyboardInterrupt())
    made = attribute_record(record("biased", "biased"), 1e-3, played)
    assert [each.find("attribution") is not None for each in made.cells] == [True, False]
    assert not made.run.complete
    assert played.closed


def test_nothing_biased_is_nothing_to_search() -> None:
    given = record("unbiased")
    assert attribute_record(given, 1e-3, Played()) == given


@pytest.mark.parametrize(("problem", "outcome"), [(CUBIC, "site 0"), (LINEAR, "no bias")])
def test_a_task_finds_what_the_function_finds(problem: str, outcome: str) -> None:
    """False-alarm rate 1e-3, at a fixed seed."""
    settings = settle(tolerance=0.1)
    workbench = registry_workbench(settings, {problem: problem})
    workbench.find_estimator = lambda name: StraightThrough()
    executor = Inline(workbench)
    executor.submit("key", AttributionTask("straight_through", problem, 1e-3))
    found = executor.next()[1]
    expected = attribution_check(StraightThrough(), workbench.problem(problem), settings, name="straight_through", alpha=1e-3)
    assert found == expected
    assert found.outcome == outcome
