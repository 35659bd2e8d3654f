"""A cell in progress: chunks used in order, rows that depend on each other, and rows that are only sparse."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from gradverify.estimators import Estimator, Program
from gradverify.verification.checks.call_sizes import LARGE
from gradverify.verification.drawing.executors import Failure
from gradverify.verification.drawing.tasks import CheckTask, ChunkTask
from gradverify.verification.plan import settle
from gradverify.verification.problems import Problem, registered_problems
from gradverify.verification.run.cell import CellRun
from gradverify.verification.statistics.bias import BiasPlan
from gradverify.verification.truth.likelihood_ratio import LIKELIHOOD_RATIO, likelihood_ratio
from gradverify.verification.truth.reference import Reference
from gradverify.verification.truth.references import SAMPLED_REFERENCES
from gradverify.verification.workbench import Workbench

from ..targets import wrong

BIT = registered_problems()["bernoulli:0.3/cubic/p"]
BITS = registered_problems()["bits:3/cubic/logits"]


def a_cell(estimator: Estimator, problem: Problem = BIT, *, min_rows: int = 20_000, **plan: Any) -> tuple[CellRun, Workbench]:
    workbench = Workbench(settle(), {"e": estimator}.__getitem__, {problem.name: problem}.__getitem__)
    reference = workbench.reference(problem.name)
    scale = np.abs(reference.gradient).max() * np.ones_like(reference.gradient)
    fields = {"p_gate": 0.3, "r_target": 0.05, "r_accept": 0.1, "alpha": 1e-3, "max_rows": 40_000, "tau_numeric": 1e-12 * scale}
    made = BiasPlan(truth=reference.gradient, scale=scale, **{**fields, **plan})
    return CellRun(workbench.subject("e", problem.name), made, min_rows, 1e-6), workbench


def run_to_end(cell: CellRun, workbench: Workbench) -> CellRun:
    while not cell.closed:
        task = cell.next_task()
        assert task is not None
        cell.receive(task, task.perform(workbench))
    return cell


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (wrong.Doubled(), "dependent rows"),
        (wrong.DoubledHalves(), "dependent rows"),
        (wrong.StaleSeed(), "repeated rows"),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize("problem", [BIT, BITS], ids=lambda each: each.name)
def test_rows_that_are_not_independent_are_named(estimator: Estimator, reason: str, problem: Problem) -> None:
    cell = run_to_end(*a_cell(estimator, problem))
    assert cell.finding is not None
    assert (cell.finding.outcome, cell.finding.reason) == ("failed", reason)


@dataclass(frozen=True)
class SharedNoise:
    """A sound estimate plus one normal number for all rows of a call."""

    deviation: float

    def __call__(self, program: Program, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> torch.Tensor:
        rows = wrong.SOUND(program, params, num_samples, generator)
        return rows + self.deviation * torch.randn((), generator=generator, dtype=rows.dtype)


@pytest.mark.parametrize(("deviation", "found"), [(0.5, True), (0.0, False)])
def test_noise_that_a_call_shares_is_named(deviation: float, found: bool) -> None:
    """A tenth of a row's standard deviation, too little for any two rows of a chunk to show it."""
    cell = run_to_end(*a_cell(SharedNoise(deviation), min_rows=150_000, max_rows=150_000))
    assert cell.finding is not None
    assert (cell.finding.outcome, cell.finding.reason) == (("failed", "dependent rows") if found else ("pass", ""))
    assert ("rows of a call share noise" in cell.finding.note) is found


@pytest.mark.parametrize("p", [0.3, 0.01, 1e-3, 1e-4])
def test_sparse_rows_are_not_taken_for_dependent(p: float) -> None:
    """Chunks without a single event are equal to each other, and say nothing of seeds."""
    cell = run_to_end(*a_cell(wrong.Sparse(7.0, p), min_rows=150_000, p_gate=min(p, 0.3), max_rows=150_000))
    assert cell.finding is not None
    assert cell.finding.outcome == "pass", cell.finding.note
    assert cell.rows.count >= 150_000
    assert cell.test.verdict is not None
    assert cell.test.verdict.outcome in ("unbiased", "inconclusive")


def test_chunks_are_used_in_order_whatever_the_order_of_their_arrival() -> None:
    first, workbench = a_cell(wrong.Scaled(1.05), r_target=0.01, r_accept=0.02)
    second, _ = a_cell(wrong.Scaled(1.05), r_target=0.01, r_accept=0.02)
    run_to_end(first, workbench)
    for cell in (second,):
        task = cell.next_task()
        assert isinstance(task, CheckTask)
        cell.receive(task, task.perform(workbench))
        while not cell.closed:
            several = [each for each in (cell.next_task() for _ in range(3)) if each is not None]
            for each in reversed(several):
                cell.receive(each, each.perform(workbench))
    assert first.test.verdict is not None
    assert second.test.verdict is not None
    assert asdict(first.test.verdict) == asdict(second.test.verdict)
    assert first.rows.count == second.rows.count
    np.testing.assert_array_equal(first.rows.m2, second.rows.m2)


def test_confirmation_draws_fresh_chunks() -> None:
    cell, workbench = a_cell(wrong.Scaled(1.5))
    stages: dict[str, list[int]] = {}
    while not cell.closed:
        task = cell.next_task()
        assert task is not None
        if isinstance(task, ChunkTask):
            stages.setdefault(task.stage, []).append(task.number)
        cell.receive(task, task.perform(workbench))
    assert cell.test.verdict is not None
    assert cell.test.verdict.outcome == "biased"
    assert stages["confirm"] == list(range(len(stages["confirm"])))
    assert stages["screen"] == list(range(len(stages["screen"])))


@pytest.mark.parametrize("rate", [1e-3, 0.5, 1.0])
def test_a_row_that_is_not_finite_ends_the_cell(rate: float) -> None:
    """Even where no finite row ever comes, and before equal chunks of NaN could be taken for a stale seed."""
    cell = run_to_end(*a_cell(wrong.Spoiled(float("nan"), rate)))
    assert cell.finding is not None
    assert cell.finding.outcome == "pass"
    assert cell.test.verdict is not None
    assert (cell.test.verdict.outcome, cell.test.verdict.reason) == ("failed", "non-finite")
    assert cell.test.verdict.num_samples <= 8192
    assert re.search(r"the first is row \d+ of screen chunk \d; its seed gives the same rows", cell.test.verdict.note)


class Whimsical:
    """NaN in row 7 of every other call of more than 64 rows."""

    def __init__(self, first: int) -> None:
        self.calls = first

    def __call__(self, program: Program, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> torch.Tensor:
        rows = wrong.SOUND(program, params, num_samples, generator)
        self.calls += num_samples > 64
        if num_samples > 64 and self.calls % 2:
            rows[7] = math.nan
        return rows


@pytest.mark.parametrize("first", [0, 1])
def test_a_row_that_is_not_finite_is_drawn_again(first: int) -> None:
    cell = run_to_end(*a_cell(Whimsical(first)))
    assert cell.test.verdict is not None
    assert (cell.test.verdict.outcome, cell.test.verdict.reason) == ("failed", "not reproducible")
    assert re.search(r"the first is row 7 of screen chunk \d; its seed gives other rows", cell.test.verdict.note)


def test_a_row_that_is_not_finite_after_the_verdict_is_placed_too() -> None:
    cell = run_to_end(*a_cell(wrong.Spoiled(math.nan, 3e-5), min_rows=400_000, r_target=0.4, r_accept=0.5))
    assert cell.finding is not None
    assert (cell.finding.outcome, cell.finding.reason) == ("failed", "not finite")
    assert re.search(r"rows drawn after the verdict .* of screen chunk \d+; its seed gives the same rows", cell.finding.note)


def test_a_row_that_is_not_finite_and_was_seen_before_the_run_alone_is_not_forgotten() -> None:
    def whimsical(program: Program, params: torch.Tensor, num_samples: int, generator: torch.Generator) -> torch.Tensor:
        rows = wrong.SOUND(program, params, num_samples, generator)
        if num_samples > LARGE:  # no chunk of the run has that many
            rows[7] = math.nan
        return rows

    cell = run_to_end(*a_cell(whimsical, min_rows=2000))
    assert cell.test.verdict is not None
    assert cell.test.verdict.outcome == "unbiased"
    assert cell.finding is not None
    assert (cell.finding.outcome, cell.finding.reason) == ("failed", "not finite")
    assert "in calls of all sizes" in cell.finding.note


def test_rows_of_a_reference_that_are_not_finite_accuse_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(problem: Problem, seed: int, tolerance: float) -> Reference:
        return replace(likelihood_ratio(problem, seed, tolerance), sampler=wrong.Spoiled(math.nan, 0.01))

    monkeypatch.setitem(SAMPLED_REFERENCES, LIKELIHOOD_RATIO, broken)
    cell = run_to_end(*a_cell(wrong.SOUND, replace(BIT, reference=LIKELIHOOD_RATIO)))
    assert cell.test.verdict is not None
    assert (cell.test.verdict.outcome, cell.test.verdict.reason) == ("inconclusive", "reference")
    assert "none of the estimator's" in cell.test.verdict.note


def test_a_constant_cell_needs_no_more_rows_than_its_verdict() -> None:
    cell = run_to_end(*a_cell(wrong.Zeros(), min_rows=10**6))
    assert cell.test.verdict is not None
    assert (cell.test.verdict.outcome, cell.test.verdict.reason) == ("biased", "deterministic")
    assert cell.rows.count < 10**5


def test_a_failure_closes_the_cell_and_later_answers_are_ignored() -> None:
    cell, workbench = a_cell(wrong.SOUND)
    task = cell.next_task()
    assert task is not None
    cell.receive(task, task.perform(workbench))
    one, two = cell.next_task(), cell.next_task()
    assert one is not None
    assert two is not None
    assert cell.in_flight == 2
    cell.receive(one, Failure("crashed", "gone"))
    assert cell.closed
    assert cell.next_task() is None
    cell.receive(two, two.perform(workbench))
    assert cell.rows.count == 0


def test_ending_a_cell_keeps_what_it_has() -> None:
    cell, workbench = a_cell(wrong.SOUND, r_target=1e-4, r_accept=2e-4)
    for _ in range(3):
        task = cell.next_task()
        assert task is not None
        cell.receive(task, task.perform(workbench))
    cell.end("time")
    assert cell.closed
    assert cell.test.verdict is not None
    assert (cell.test.verdict.outcome, cell.test.verdict.reason) == ("inconclusive", "time")
    assert cell.test.verdict.rows_needed is not None
    untouched, _ = a_cell(wrong.SOUND)
    untouched.end("interrupted")
    assert untouched.test.verdict is not None
    assert untouched.test.verdict.reason == "interrupted"
