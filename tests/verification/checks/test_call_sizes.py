"""The sizes of calls: planted bugs that only some sizes show are named, and sound estimators of many laws pass."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from gradverify.estimators import ESTIMATORS, Estimator, LeaveOneOut, Program, ScoreFunction
from gradverify.verification import verify
from gradverify.verification.checks.call_sizes import check_call_sizes, compare_laws
from gradverify.verification.checks.catalogue import CELL_CHECKS
from gradverify.verification.checks.conformance import check_conformance
from gradverify.verification.plan import settle
from gradverify.verification.problems import Problem, probe, registered_problems
from gradverify.verification.subject import Subject
from gradverify.verification.truth.references import find_reference

PROBLEM = registered_problems()["bits:3/cubic/logits"]
RATE = 1e-6


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(1000 + number)


def outcome(estimator: Estimator, problem: Problem = PROBLEM) -> tuple[str, str, str]:
    finding = check_call_sizes(estimator, problem, probe(problem), seeded, RATE)
    return finding.outcome, finding.reason, finding.note


@dataclass
class Wrong:
    """Leave-one-out rows, with the rows that a rule chooses from the size of the call and its number made worse."""

    rows_of: Callable[[int, int], slice]
    make: Callable[[Tensor], Tensor]
    calls: int = 0

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = LeaveOneOut()(program, params, num_samples, generator)
        self.calls += 1
        chosen = self.rows_of(num_samples, self.calls)
        rows[chosen] = self.make(rows[chosen])
        return rows


NONE, ALL = slice(0, 0), slice(None)
RULES = {
    "one row": lambda n, calls: ALL if n == 1 else NONE,
    "an odd number": lambda n, calls: ALL if n % 2 else NONE,
    "below 32": lambda n, calls: ALL if n < 32 else NONE,
    "beyond the last power of two": lambda n, calls: slice(n - n % 64, None) if n > 64 else NONE,
    "beyond 32,768": lambda n, calls: slice(32_768, None),
}
HARMS = {"doubled": lambda rows: 2 * rows, "zeroed": torch.zeros_like, "reversed": lambda rows: -rows}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("rule", RULES)
def test_a_size_that_is_wrong_is_named(rule: str, harm: str) -> None:
    found, reason, note = outcome(Wrong(RULES[rule], HARMS[harm]))
    assert (found, reason) == ("failed", "call sizes")
    words = {"below 32": "one row", "an odd number": "odd number|one row"}.get(rule, rule)
    assert any(word in note for word in words.split("|"))


@pytest.mark.parametrize("calls", [41, 100])
def test_what_changes_after_many_calls_is_named(calls: int) -> None:
    found, reason, note = outcome(Wrong(lambda n, count: ALL if count >= calls else NONE, lambda rows: 1.01 * rows))
    assert (found, reason) == ("failed", "not reproducible")
    assert "remember its calls" in note


def test_a_run_refutes_what_only_small_calls_show() -> None:
    record = verify(Wrong(RULES["below 32"], HARMS["doubled"]), "bits:3/cubic", workers=0)
    cell = record.cells[-1]
    assert cell.find("conformance").details["reason"] == "call sizes"
    assert cell.find("conformance").claim == "refuted"


def test_a_size_that_is_refused_is_noted() -> None:
    def refuses(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        if num_samples < 2:
            raise ValueError("two rows or more")
        return ScoreFunction()(program, params, num_samples, generator)

    found, _, note = outcome(refuses)
    assert found == "pass"
    assert "calls of one row (ValueError)" in note


def test_a_single_row_that_overflows_is_named() -> None:
    def divides(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        return ScoreFunction()(program, params, num_samples, generator) * (num_samples - 1) / (num_samples - 1 or math.nan)

    assert outcome(divides)[:2] == ("failed", "not finite")


def test_rows_that_overflow_seldom_in_calls_of_all_sizes_are_kept_for_the_run() -> None:
    """The rows that a run draws afterwards may have none, and the few that a check saw must not be forgotten."""

    def overflows(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = ScoreFunction()(program, params, num_samples, generator)
        rows[torch.rand(num_samples, generator=generator) < 1e-3] *= math.inf
        return rows

    finding = check_call_sizes(overflows, PROBLEM, probe(PROBLEM), seeded, RATE)
    assert (finding.outcome, finding.note) == ("pass", "")
    assert "calls of all sizes" in finding.overflow
    low, high = (float(part) for part in re.findall(r"rate (\S+) to (\S+) at", finding.overflow)[0])
    assert 3e-4 < low < 1e-3 < high < 3e-3


def test_the_median_of_a_batch_as_a_baseline_is_named() -> None:
    """At 8 rows it biases by an eighth, at 2,048 rows by nothing that shows; its rows depend on each other at any size."""

    def median(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        objectives: list[Tensor] = []

        def centred(leaf: Tensor, sample: object) -> Tensor:
            objective = program(leaf, sample)
            objectives.append(objective)
            return objective - objective.detach().median()

        return ScoreFunction()(centred, params, num_samples, generator)

    finding = check_conformance(median, PROBLEM, seeded)
    assert (finding.outcome, finding.reason) == ("failed", "rows not isolated")


# One of each way to use a batch; the profile ``thorough`` makes the check of all.
@pytest.mark.parametrize(
    "name",
    ["score_function", "leave_one_out", "straight_through", "arm", "carms", "finite_difference", "rebar", "stochastic_triple"],
)
def test_registered_estimators_do_not_depend_on_the_size_of_a_call(name: str) -> None:
    problem = registered_problems()["bernoulli:0.3/cubic/p"]
    estimator = ESTIMATORS[name]
    if hasattr(estimator, "fit"):
        estimator = estimator.fit(problem.program, problem.params, num_samples=1024, generator=seeded(0))
    found, reason, note = outcome(estimator, problem)
    assert (found, reason) == ("pass", ""), note


def test_what_cancels_to_rounding_is_not_compared() -> None:
    """The coordinates of a gradient in the logits sum to zero, and rounding differs between the sizes of calls."""
    assert outcome(ScoreFunction(), registered_problems()["categorical_one_hot:4/cubic/logits"])[:2] == ("pass", "")


def test_registered_estimators_are_held_to_it_by_the_thorough_profile() -> None:
    for profile, held in (("quick", False), ("thorough", True)):
        settings = settle(profile=profile)
        subject = Subject(
            "score_function", PROBLEM, probe(PROBLEM), ScoreFunction(), find_reference(PROBLEM, 0, 0.05), settings
        )
        applied = [check.examine.__name__ for check in CELL_CHECKS if check.applies(subject)]
        assert ("_examine_sizes" in applied) is held


@pytest.mark.parametrize("atoms", [0, 2, 20], ids=["continuous", "two values", "twenty values"])
def test_the_rate_of_false_alarms(atoms: int) -> None:
    """At a rate of .2, of 1,000 comparisons at most 200 and four standard deviations are reported."""
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(1000):
        rows, base = generator.random(64), generator.random(512)
        if atoms:
            rows, base = np.floor(rows * atoms), np.floor(base * atoms)
        alarms += compare_laws(rows, base, 1e-9) <= 0.2
    assert alarms <= 200 + 4 * math.sqrt(200 * 0.8)


def test_the_power_on_doubled_normal_rows() -> None:
    """The distance of 128 rows from their median is doubled: found at 1e-8 in 95 of 100 samples or more."""
    generator = np.random.default_rng(0)
    base = np.abs(generator.normal(size=4096))
    found = sum(compare_laws(2 * np.abs(generator.normal(size=128)), base, 1e-9) <= 1e-8 for _ in range(100))
    assert found >= 95


def test_values_within_rounding_are_equal() -> None:
    base = np.tile([0.0, 1.0], 2048)
    assert compare_laws(base[:100] + 1e-12, base, 1e-9) == 1
    assert compare_laws(base[:100] + 1e-6, base, 1e-9) < 1e-9
